-- Every unrounded estimate from the first quarter of its vintage on is published once, and nothing else is, under the word that
-- the smallest figure of all vintages asks for or a graver one: exactly 1,000 is small_sample, exactly 10,000 is ok.
with due as (
    select
        control.weight_vintage,
        control.quarter,
        control.area_code,
        control.birth_group,
        min(control.population_count) over (partition by control.quarter, control.area_code, control.birth_group) as smallest
    from {{ ref('est_population__quarterly_control') }} as control
    inner join {{ codelist('weight_vintage') }} as vintage
        on control.weight_vintage = vintage.code and control.quarter >= vintage.from_quarter
)

select *
from {{ ref('out_population__quarterly_birth_group') }} as published
full join due using (weight_vintage, quarter, area_code, birth_group)
where due.smallest is null
    or published.status is null
    or (due.smallest < {{ param('reliability.withhold_below') }} and published.status != 'withheld')
    or (due.smallest < {{ param('reliability.flag_below') }} and published.status = 'ok')
