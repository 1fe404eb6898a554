-- No number finer than the rounding leaves.
select * from {{ ref('out_population__quarterly_birth_group') }}
where population_count % {{ param('rounding.weighted_count_multiple') }} != 0
    or yearly_change_count % {{ param('rounding.weighted_count_multiple') }} != 0
