-- A withheld row has no number of any kind.
select quarter
from {{ ref('out_lfs__quarterly_indicator') }}
where (status in ('ok', 'small_sample')) != (estimate_value is not null)
    or (status not in ('ok', 'small_sample') and coalesce(standard_error, lower_bound, upper_bound) is not null)
