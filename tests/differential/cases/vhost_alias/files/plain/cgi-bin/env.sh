not run
