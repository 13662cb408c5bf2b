# The image of the action. No USER, no WORKDIR: the runner needs root, and mounts the workspace itself.
ARG PYTHON_IMAGE=python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285

# What is removed in a stage of its own leaves no layer behind.
FROM ${PYTHON_IMAGE} AS build

COPY requirements/runtime.txt /tmp/runtime.txt
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --no-compile --disable-pip-version-check \
        --require-hashes --no-deps --only-binary :all: --report /tmp/installed.json -r /tmp/runtime.txt

# Slimming: what no run ever opens. Then bytecode for what is left, because a container starts without a cache
# every time; it is not checked against the sources again, which cannot change in an image.
# - `tests` at the top comes with actions-toolkit's wheel by mistake, and would shadow anybody's own `tests`.
# - Flight, S3, GCS, Azure and HDFS are network file systems; pyarrow.fs does without them.
#   libarrow_substrait stays: pyarrow.lib is linked against it.
# - libonnxruntime.so.* is for programs in C; the Python binding has the runtime inside.
# - Of the three copies of each libarrow_python*.so the linker asks for the one with the short version.
RUN site="$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')" \
    && rm -rf "$site"/tests "$site"/pip "$site"/pip-* /opt/venv/bin/pip* \
        "$site"/pyarrow/*flight* "$site"/pyarrow/libarrow_s3.* "$site"/pyarrow/_s3fs* "$site"/pyarrow/_gcsfs* \
        "$site"/pyarrow/_azurefs* "$site"/pyarrow/_hdfs* "$site"/pyarrow/_pyarrow_cpp_tests* \
        "$site"/pyarrow/libarrow_python*.so "$site"/pyarrow/libarrow_python*.so.*.*.* \
        "$site"/pyarrow/include "$site"/pyarrow/src \
        "$site"/onnxruntime/capi/libonnxruntime.so.* "$site"/onnxruntime/transformers \
        "$site"/onnxruntime/tools "$site"/onnxruntime/quantization \
        "$site"/onnx/backend/test/data "$site"/numpy/_core/include "$site"/numpy/f2py/src \
    && find "$site" -depth -type d -name tests -exec rm -rf {} + \
    && find "$site" -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.a' \
        -o -name '*.h' -o -name '*.hpp' -o -name '*.cc' -o -name '*.proto' \) -delete \
    && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash "$site" \
    && echo /opt/bisect-cache > "$site/bisect-cache.pth"

COPY src/bisect_cache /opt/bisect-cache/bisect_cache
COPY entrypoint.py /opt/bisect-cache/entrypoint.py
COPY tests/container/smoke.py tools/sbom.py /tmp/
# The smoke test is what stops a build whose slimming took too much. The bill of materials is made here, where it is
# known by which hash each wheel was installed; the last stage starts from the same base.
RUN /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/bisect-cache \
    && /opt/venv/bin/python /tmp/smoke.py \
    && /opt/venv/bin/python /tmp/sbom.py --installed /tmp/installed.json \
        --version "$(/opt/venv/bin/python -c 'import bisect_cache; print(bisect_cache.__version__)')" \
        > /opt/bisect-cache/sbom.cdx.json

FROM ${PYTHON_IMAGE}
# No module is ever taken from the current folder, which is somebody's workspace; what the action says comes
# out in the order it was said; ONNX Runtime writes to nobody.
ENV PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1
COPY --from=build /opt /opt
# The base image comes without bytecode for the standard library: importing what the action imports writes it.
RUN ["/opt/venv/bin/python", "-c", "import bisect_cache.action.main, bisect_cache.cli, numpy, onnx, onnxruntime, pandas, pyarrow.parquet"]
ENTRYPOINT ["/opt/venv/bin/python", "/opt/bisect-cache/entrypoint.py"]
