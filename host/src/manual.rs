//! A program's manual page, whole: every order with its options, in one page as `man` reads it.

use std::io;

use clap::Command;
use clap_mangen::Man;

/// The page of that command line, in roff.
pub fn page(mut command: Command) -> io::Result<Vec<u8>> {
    command.build();
    let whole = Man::new(command.clone());
    let mut page = Vec::new();
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_synopsis_section(&mut page)?;
    whole.render_description_section(&mut page)?;
    whole.render_options_section(&mut page)?;
    orders(&command, &mut page)?;
    whole.render_extra_section(&mut page)?;
    Ok(page)
}

/// A section for each order below that command, and for those below it.
fn orders(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    for order in command.get_subcommands().filter(|order| order.get_name() != "help") {
        let name = order.get_bin_name().unwrap_or(order.get_name());
        page.extend(format!(".SH {:?}\n", name.to_uppercase()).bytes());
        // What holds for all of them stands at the page's beginning.
        let own = order.clone().mut_args(|arg| {
            let is_common = arg.is_global_set() || arg.get_id() == "help";
            if is_common { arg.hide(true) } else { arg }
        });
        let man = Man::new(own);
        let mut sections = Vec::new();
        man.render_synopsis_section(&mut sections)?;
        sections.extend(b".PP\n");
        man.render_description_section(&mut sections)?;
        man.render_options_section(&mut sections)?;
        // Their own headings would end the order's section.
        let text = String::from_utf8_lossy(&sections).into_owned();
        for line in text.lines().filter(|line| !line.starts_with(".SH")) {
            page.extend(line.bytes().chain(*b"\n"));
        }
        orders(order, page)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_and_option_stands_on_the_one_page() {
        let add = Command::new("add")
            .about("Adds one.")
            .arg(clap::Arg::new("origin").long("origin").help("Where from."));
        let command = Command::new("tool")
            .about("A tool.")
            .arg(clap::Arg::new("config").long("config").global(true).help("The file."))
            .subcommand(Command::new("group").about("Groups.").subcommand(add))
            .after_help("Exit codes:\n  0  good");
        let page = String::from_utf8(page(command).unwrap()).unwrap();
        for part in
            [".TH", "\"TOOL GROUP ADD\"", "Adds one.", "origin", "Where from.", "Exit codes"]
        {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert_eq!(page.matches("The file.").count(), 1, "{page}");
    }
}
