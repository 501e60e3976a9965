"""Image Studio: approved prompts in, paid-for images out, nothing paid twice and nothing lost."""
