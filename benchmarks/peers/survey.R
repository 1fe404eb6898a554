# R's survey package. Arguments: problem folder, method, repeats, output file, replicates (unused).
# build: calibrate() less grake() or the normal equations; solve: grake() alone (linear: all of calibrate()).
suppressMessages({library(survey); library(Matrix)})
arguments <- commandArgs(trailingOnly = TRUE)
method <- arguments[2]
repeats <- as.integer(arguments[3])
tolerance <- 1e-7

persons <- read.csv(file.path(arguments[1], "codes.csv"))
totals <- read.csv(file.path(arguments[1], "totals.csv"))

# One cell of each region in the second and third margin follows from the first margin: all these are the reference.
reference <- function(code) factor(ifelse(code %% 3 == 0, -1, code))
persons$area_sex_age <- factor(persons$area_sex_age)
for (margin in c("tenure", "birth_group")) persons[[margin]] <- reference(persons[[margin]])
kept <- totals$margin == "area_sex_age" | totals$cell %% 3 != 0
population <- setNames(totals$total[kept], paste0(totals$margin[kept], totals$cell[kept]))

memory <- function(field) {
  line <- grep(paste0("^", field), readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}

formula <- ~ 0 + area_sex_age + tenure + birth_group
design <- svydesign(ids = ~1, weights = ~weight, data = persons)
bounds <- if (method == "logit") c(0.5, 2) else c(-Inf, Inf)
law <- list(linear = cal.linear, raking = cal.raking, logit = cal.logit)[[method]]
invisible(gc())
cat("5", file = "/proc/self/clear_refs")
baseline <- memory("VmRSS")
built <- solved <- cpu <- numeric(0)
for (i in seq_len(repeats)) {
  times <- system.time(calibrated <- calibrate(
    design, formula, population, calfun = method, bounds = bounds, epsilon = tolerance, maxit = 50, sparse = TRUE
  ))
  total <- times[["elapsed"]]
  if (method == "linear") {
    solved <- c(solved, total)
    built <- c(built, 0)
    cpu <- c(cpu, times[["user.self"]] + times[["sys.self"]])
    next
  }
  mm <- sparse.model.matrix(formula, model.frame(design))
  times <- system.time(grake(
    mm, weights(design), law, bounds = list(lower = bounds[1], upper = bounds[2]),
    population = population[colnames(mm)], epsilon = tolerance, verbose = FALSE, maxit = 50
  ))
  solve <- times[["elapsed"]]
  cpu <- c(cpu, times[["user.self"]] + times[["sys.self"]])
  solved <- c(solved, solve)
  built <- c(built, total - solve)
}
peak <- memory("VmHWM") - baseline
writeBin(as.double(weights(calibrated)), arguments[4])
list_of <- function(x) paste0("[", paste(format(x, digits = 6), collapse = ", "), "]")
cat(sprintf(
  '{"build": %s, "solve": %s, "cpu": %s, "peak_mb": %.1f, "baseline_mb": %.1f, "version": "%s, R %s, %s"}\n',
  list_of(built), list_of(solved), list_of(cpu), peak, baseline, packageVersion("survey"), getRversion(),
  basename(extSoftVersion()[["BLAS"]])
))
