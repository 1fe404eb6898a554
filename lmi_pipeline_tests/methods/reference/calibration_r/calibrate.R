# Calibrate the sample of make_inputs.py with R's survey package and write weights, estimates and variances.
# Run from this directory: Rscript calibrate.R
library(survey)

persons <- read.csv("persons.csv.gz", stringsAsFactors = FALSE)
controls <- read.csv("controls.csv", stringsAsFactors = FALSE)
persons$sex_age <- paste(persons$sex, persons$age, sep = ".")
margins <- c("region", "sex_age", "birth_group", "tenure")
population <- c("(Intercept)" = sum(controls$total[controls$control == "region"]))
for (margin in margins) {
  own <- controls[controls$control == margin, ]
  persons[[margin]] <- factor(persons[[margin]], levels = own$cell)
  # The first cell of each margin follows from the size of the population.
  population <- c(population, setNames(own$total[-1], paste0(margin, own$cell[-1])))
}
population <- c(population, distance = controls$total[controls$control == "distance"])
persons$active <- persons$employed + persons$unemployed
persons$one <- 1
for (group in levels(persons$birth_group)) {
  persons[[paste0("employed_", group)]] <- persons$employed * (persons$birth_group == group)
}
for (sex in c("f", "m")) {
  persons[[paste0("unemployed_", sex)]] <- persons$unemployed * (persons$sex == sex)
  persons[[paste0("active_", sex)]] <- persons$active * (persons$sex == sex)
}

design <- svydesign(ids = ~household, strata = ~region, weights = ~base_weight, data = persons)
formula <- ~ region + sex_age + birth_group + tenure + distance
bounds <- list(linear = c(-Inf, Inf), raking = c(-Inf, Inf), logit = c(0.75, 1.5))

weights_out <- data.frame(row = seq_len(nrow(persons)))
estimates <- NULL
add <- function(method, stage, statistic, value, variance, deff = NA) {
  estimates <<- rbind(estimates, data.frame(method = method, household = stage, statistic = statistic,
    value = as.numeric(value), variance = as.numeric(variance), design_effect = as.numeric(deff)))
}
for (method in names(bounds)) {
  for (stage in c(FALSE, TRUE)) {
    calibrated <- calibrate(design, formula, population, calfun = method, bounds = bounds[[method]],
      aggregate.stage = if (stage) 1 else NULL, epsilon = 1e-13, maxit = 200)
    weights_out[[paste(method, if (stage) "household" else "person", sep = "_")]] <- weights(calibrated)
    totals <- svytotal(~ employed + employed_uk + employed_eu + employed_non_eu + unemployed + hours, calibrated,
      deff = "replace")
    add(method, stage, paste0("total_", names(coef(totals))), coef(totals), diag(vcov(totals)), deff(totals))
    means <- svymean(~ employed + hours, calibrated)
    add(method, stage, paste0("mean_", names(coef(means))), coef(means), diag(vcov(means)))
    rate <- svyratio(~unemployed, ~active, calibrated)
    add(method, stage, "ratio_unemployed_active", coef(rate), vcov(rate))
    levels <- svycontrast(totals, c(employed_non_eu = 1, employed_eu = -1))
    add(method, stage, "difference_employed_non_eu_eu", coef(levels), attr(levels, "var"))
    # The difference of the two sexes' rates, by the delta method from the four totals.
    parts <- svytotal(~ unemployed_f + active_f + unemployed_m + active_m, calibrated)
    rates <- svycontrast(parts, quote(unemployed_m / active_m - unemployed_f / active_f))
    add(method, stage, "difference_rate_m_f", coef(rates), attr(rates, "var"))
  }
}
digits <- function(frame) {
  numeric <- vapply(frame, is.double, logical(1))
  frame[numeric] <- lapply(frame[numeric], function(x) ifelse(is.na(x), "", sprintf("%.16g", x)))
  frame
}
connection <- gzfile("weights.csv.gz", "w", compression = 9)
write.csv(digits(weights_out), connection, row.names = FALSE, quote = FALSE)
close(connection)
write.csv(digits(estimates), "estimates.csv", row.names = FALSE, quote = FALSE)
writeLines(c(R.version.string, paste("survey", packageVersion("survey")), paste("Matrix", packageVersion("Matrix")),
  paste("MASS", packageVersion("MASS"))), "versions.txt")
