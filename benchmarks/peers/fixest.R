# R's fixest: factors absorbed, heteroskedasticity-robust errors. Arguments: problem folder, errors, repeats, output file.
# Columns are read from raw doubles and 32-bit integers that pay_equation.py writes beside the others.
suppressMessages(library(fixest))
arguments <- commandArgs(trailingOnly = TRUE)
read <- function(name, type) {
  path <- file.path(arguments[1], paste0(name, ".bin"))
  size <- if (type == "double") 8 else 4
  readBin(path, type, n = file.info(path)$size / size, size = size)
}
memory <- function(field) {
  line <- grep(paste0("^", field), readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}
factors <- c("occupation_sex", "occupation_time", "region", "qualification", "industry_time")
jobs <- data.frame(sapply(factors, read, type = "integer", simplify = FALSE))
for (name in c("age", "y", "weight")) jobs[[name]] <- read(name, "double")
jobs$age2 <- jobs$age^2
setFixest_nthreads(1)
invisible(gc())
writeLines("5", "/proc/self/clear_refs")
baseline <- memory("VmRSS")
solve <- cpu <- c()
for (round in seq_len(as.integer(arguments[3]))) {
  used <- system.time(fit <- feols(
    y ~ age + age2 | occupation_sex + occupation_time + region + qualification + industry_time, jobs,
    weights = ~weight, vcov = "hetero", ssc = ssc(adj = FALSE, cluster.adj = FALSE), fixef.rm = "none", fixef.tol = 1e-10
  ))
  solve <- c(solve, used[["elapsed"]])
  cpu <- c(cpu, used[["user.self"]] + used[["sys.self"]])
}
writeBin(c(coef(fit), se(fit), fitted(fit)), arguments[4])
list <- function(values) paste0("[", paste(values, collapse = ","), "]")
cat(sprintf('{"build": %s, "solve": %s, "cpu": %s, "peak_mb": %f, "baseline_mb": %f, "version": "%s"}\n',
  list(0 * solve), list(solve), list(cpu), memory("VmHWM") - baseline, baseline, packageVersion("fixest")))
