-- Every unrounded estimate is published once, under the word its size asks for: exactly 1,000 is small_sample, 10,000 is ok.
select *
from {{ ref('out_population__quarterly_birth_group') }} as published
full join {{ ref('est_population__quarterly_control') }} as control
    using (weight_vintage, quarter, area_code, birth_group)
where published.status is distinct from case
    when control.population_count < {{ param('reliability.withhold_below') }} then 'withheld'
    when control.population_count < {{ param('reliability.flag_below') }} then 'small_sample'
    when control.population_count >= {{ param('reliability.flag_below') }} then 'ok'
end
or control.population_count is null
