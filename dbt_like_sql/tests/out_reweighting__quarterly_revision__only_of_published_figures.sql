-- A revision stands only between two published figures, and is their difference.
select quarter
from {{ ref('out_reweighting__quarterly_revision') }}
where (revision is null) != (estimate_value is null or compared_value is null)
    or abs(revision - (estimate_value - compared_value)) > 0.051
