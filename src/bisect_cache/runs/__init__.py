"""One run from its request to its report: the only place that joins the rooms.

``run.py`` tells the story: a request (``request.py``), all that models are judged with (``bench.py``), what the search
wants looked at (``looking.py``), the report (``reporting.py``), and where that is asked what each content says
(``grouping.py``) and what changed in the first bad model (``explaining.py``). ``proposing.py`` is the other story, of
thresholds that known-good models hold.
"""
