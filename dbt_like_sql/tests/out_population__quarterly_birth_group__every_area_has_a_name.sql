select * from {{ ref('out_population__quarterly_birth_group') }} where area_name is null
