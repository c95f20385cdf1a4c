//! Writes one picture as PNG and as SVG: `cargo run --example badge -- 1234 style=flat label=readers color=blue`.

use std::error::Error;
use std::fs;

use onlookers_picture::{StyleBuilder, Themes, Value, render, svg};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let number = args.next().ok_or("usage: badge NUMBER [PARAMETER=VALUE]...")?.parse()?;
    let mut parameters = StyleBuilder::default();
    for arg in args {
        let (name, value) = arg.split_once('=').ok_or("a parameter is NAME=VALUE")?;
        if !parameters.take(name, value)? {
            return Err(format!("no style has the parameter {name}").into());
        }
    }
    // Fonts and digits of your own would be added here.
    let style = parameters.build(&Themes::default())?;
    let value = Value::Count(number);
    fs::write("badge.png", render(&style, value).encode())?;
    fs::write("badge.svg", svg(&style, value))?;
    let (width, height) = style.size(value);
    println!("badge.png and badge.svg show \"{}\" in {width}×{height} pixels", style.message(value));
    Ok(())
}
