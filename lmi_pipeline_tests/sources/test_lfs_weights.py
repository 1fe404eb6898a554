"""Which weight an edition carries is read from its variable names, PWT and PIWT each for itself."""

import pytest

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.lfs.weights import resolve_weights


@pytest.mark.parametrize(
    ("names", "analysis", "earnings"),
    [
        (["PWT22", "PIWT22"], ("PWT22", 22), ("PIWT22", 22)),
        (["pwt23", "piwt22"], ("pwt23", 23), ("piwt22", 22)),
        (["PWT24", "PIWT23"], ("PWT24", 24), ("PIWT23", 23)),
        (["piwt18", "Pwt23", "PWT18", "pIwT22"], ("Pwt23", 23), ("pIwT22", 22)),
        (["PWT18", "PIWT18", "PWT20", "PIWT20"], ("PWT20", 20), ("PIWT20", 20)),
        (["PIWT14", "PWT18"], ("PWT18", 18), ("PIWT14", 14)),
        (["PWT20"], ("PWT20", 20), (None, None)),
    ],
)
def test_highest_suffix_of_each(names, analysis, earnings):
    found = resolve_weights(["AGE", *names, "SEX"], "lfsp.tab")
    assert (found.analysis, found.analysis_year) == analysis
    assert (found.earnings, found.earnings_year) == earnings


@pytest.mark.parametrize(
    "names", [[], ["PIWT22"], ["PWTA22"], ["PHHWT22"], ["LGWT22"], ["NPWT22"], ["PWT2"], ["PWT22C"]]
)
def test_no_person_weight_is_refused(names):
    with pytest.raises(SourceError, match="no weight variable PWTyy"):
        resolve_weights(["AGE", *names], "lfsp_od20_eul_pwt20.tab")
