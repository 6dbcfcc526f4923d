"""What joins the rooms: recipes, stages, tasks and resume, executors, reports, the command line."""
