-- Every unrounded estimate from the first quarter of its vintage on is published once, and nothing else is,
-- under the word its size asks for: exactly 1,000 is small_sample, exactly 10,000 is ok.
with due as (
    select control.weight_vintage, control.quarter, control.area_code, control.birth_group, control.population_count as unrounded
    from {{ ref('est_population__quarterly_control') }} as control
    inner join {{ codelist('weight_vintage') }} as vintage
        on control.weight_vintage = vintage.code and control.quarter >= vintage.from_quarter
)

select *
from {{ ref('out_population__quarterly_birth_group') }} as published
full join due using (weight_vintage, quarter, area_code, birth_group)
where due.unrounded is null
    or published.status is distinct from case
        when due.unrounded < {{ param('reliability.withhold_below') }} then 'withheld'
        when due.unrounded < {{ param('reliability.flag_below') }} then 'small_sample'
        else 'ok'
    end
