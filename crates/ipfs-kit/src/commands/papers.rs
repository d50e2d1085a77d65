//! `completion` and `man`: made of the same words as the help.

use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::generate;

use super::Outcome;
use crate::args::{Args, Shell};
use crate::exit::Exit;
use crate::output::Output;

pub(super) fn completion(shell: Shell) -> Outcome {
    let mut command = Args::command();
    let mut script = Vec::new();
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    generate(shell, &mut command, "ipfs-kit", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(Exit::Ok)
}

pub(super) fn man(dir: Option<&Path>, output: &Output) -> Outcome {
    let command = Args::command();
    let Some(dir) = dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        std::io::stdout().lock().write_all(&page)?;
        return Ok(Exit::Ok);
    };
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(command, dir)?;
    output.remark(format_args!("wrote the pages to {}", crate::output::escape(&dir.to_string_lossy())));
    Ok(Exit::Ok)
}
