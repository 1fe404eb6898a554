-- Where to look instead of a population that is withheld or flagged.
select * from {{ ref('est_population__quarterly_lattice_offer') }}
