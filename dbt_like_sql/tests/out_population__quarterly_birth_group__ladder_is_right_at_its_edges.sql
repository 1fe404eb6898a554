select published.*
from {{ ref('out_population__quarterly_birth_group') }} as published
inner join {{ ref('est_population__quarterly_control') }} as control
    using (weight_vintage, quarter, area_code, birth_group)
where (control.population_count < {{ param('reliability.withhold_below') }}) != (published.status = 'withheld')
    or (control.population_count >= {{ param('reliability.flag_below') }}) != (published.status = 'ok')
