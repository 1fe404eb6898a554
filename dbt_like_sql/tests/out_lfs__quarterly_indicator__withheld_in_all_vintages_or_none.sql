-- A figure withheld with one set of weights and shown with another could be told from their difference.
select quarter
from {{ ref('out_lfs__quarterly_indicator') }}
group by quarter, breakdown, category, age_range, measure
having count(distinct estimate_value is null) > 1
