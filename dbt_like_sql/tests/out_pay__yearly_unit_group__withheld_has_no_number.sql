-- A number stands where it is shown and nowhere else, inside its interval, and is said to be a model's.
select year
from {{ ref('out_pay__yearly_unit_group') }}
where (status in ('ok', 'small_sample')) != (pay_estimate is not null)
    or (pay_estimate is null) != (interval_low is null)
    or (pay_estimate is null) != (interval_high is null)
    or (pay_estimate is null and published_mean is not null)
    or pay_estimate not between interval_low and interval_high
    or not is_modelled
