-- Population controls of the newest vintage a quarter has, with the smallest figure of all vintages.
with control as (
    select
        control.*,
        row_number() over (
            partition by control.quarter, control.area_code, control.birth_group
            order by control.weight_vintage desc
        ) as newness
    from {{ ref('est_population__quarterly_control') }} as control
    inner join {{ codelist('weight_vintage') }} as vintage
        on control.weight_vintage = vintage.code and control.quarter >= vintage.from_quarter -- leaves out the base quarter
)

select
    quarter,
    area_code,
    birth_group,
    sum(case when newness = 1 then population_count end) as population_count,
    min(population_count) as least_count,
    case when min(synthetic) = max(synthetic) then min(synthetic) else 'mixed' end as synthetic
from control
group by quarter, area_code, birth_group
