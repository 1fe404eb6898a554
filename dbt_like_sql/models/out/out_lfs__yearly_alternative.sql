-- Where to look instead of a cell of the survey that is withheld or flagged.
select * from {{ ref('est_lfs__yearly_lattice_offer') }}
