select * from {{ ref('out_population__quarterly_birth_group') }}
where (status = 'withheld') != (population_count is null)
    or (status = 'withheld' and yearly_change_count is not null)
