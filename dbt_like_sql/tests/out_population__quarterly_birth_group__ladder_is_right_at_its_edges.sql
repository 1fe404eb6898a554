-- Every unrounded estimate from the first quarter of its vintage on is published once, and nothing else is, under the word that
-- was decided; which is the word the smallest figure of all vintages asks for or a graver one: exactly 1,000 is small_sample,
-- exactly 10,000 is ok.
with due as (
    select
        control.weight_vintage,
        quarter,
        area_code,
        birth_group,
        decision.status as decided,
        min(control.population_count) over (partition by quarter, area_code, birth_group) as smallest
    from {{ ref('est_population__quarterly_control') }} as control
    inner join {{ codelist('weight_vintage') }} as vintage
        on control.weight_vintage = vintage.code and control.quarter >= vintage.from_quarter
    left join {{ ref('est_population__quarterly_lattice_decision') }} as decision
        using (quarter, area_code, birth_group)
)

select *
from {{ ref('out_population__quarterly_birth_group') }} as published
full join due using (weight_vintage, quarter, area_code, birth_group)
where due.smallest is null
    or published.status is distinct from due.decided
    or (due.smallest < {{ param('reliability.withhold_below') }} and published.status != 'withheld')
    or (due.smallest < {{ param('reliability.flag_below') }} and published.status = 'ok')
