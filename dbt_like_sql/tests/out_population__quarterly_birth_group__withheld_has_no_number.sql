-- A withheld row has no number, a row that is not withheld has one, and none is below the limit.
select * from {{ ref('out_population__quarterly_birth_group') }}
where (status = 'withheld') != (population_count is null)
    or (status = 'withheld' and yearly_change_count is not null)
    or population_count < {{ param('reliability.withhold_below') }}
