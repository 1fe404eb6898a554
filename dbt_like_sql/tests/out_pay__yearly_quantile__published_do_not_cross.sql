-- A higher quantile is never below a lower one, as rounded.
select year
from (
    select
        *,
        lag(weekly_pay_gbp) over (
            partition by year, working_pattern, soc2010_code, area_code order by quantile_percent
        ) as lower_one
    from {{ ref('out_pay__yearly_quantile') }}
    where weekly_pay_gbp is not null
)
where weekly_pay_gbp < lower_one
