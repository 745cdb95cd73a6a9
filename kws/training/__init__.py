"""From a recipe to a model: tasks, the loop, teachers, seeds."""
