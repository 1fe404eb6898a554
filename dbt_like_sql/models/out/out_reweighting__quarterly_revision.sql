-- What a weight vintage changed: each published level and rate beside that of an earlier vintage.
select
    later.quarter,
    later.weight_vintage,
    earlier.weight_vintage as compared_with,
    later.breakdown,
    later.category,
    later.age_range,
    later.measure,
    later.estimate_value,
    earlier.estimate_value as compared_value,
    case
        when later.status in ('ok', 'small_sample') and earlier.status in ('ok', 'small_sample')
            then round(later.estimate_value - earlier.estimate_value, 1)
    end as revision,
    case
        when later.status = 'withheld' or earlier.status = 'withheld' then 'withheld'
        when later.status = 'small_sample' or earlier.status = 'small_sample' then 'small_sample'
        else 'ok'
    end as status,
    later.is_modelled,
    case when later.synthetic = earlier.synthetic then later.synthetic else 'mixed' end as synthetic
from {{ ref('out_lfs__quarterly_indicator') }} as later
inner join {{ ref('out_lfs__quarterly_indicator') }} as earlier
    using (quarter, breakdown, category, age_range, measure)
where later.weight_vintage > earlier.weight_vintage
