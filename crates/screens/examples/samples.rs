//! Writes every sample page, and the stylesheets they need, into the folder given as the only argument.

use std::path::Path;
use std::{env, fs, io};

use renkei_screens::{Accent, Lang, STYLE, samples, style_path};

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).ok_or_else(|| io::Error::other("give the folder to write to"))?;
    let folder = Path::new(&folder);
    let write = |path: &str, text: &str| fs::write(folder.join(path.trim_start_matches('/')), text);
    fs::create_dir_all(folder)?;
    write(style_path(), STYLE)?;
    for lang in Lang::ALL {
        let institutions = [samples::aoi(lang), samples::midori(lang)].map(|institution| institution.accent);
        for accent in institutions.into_iter().chain([Accent::neutral()]) {
            write(&accent.path(), &accent.css())?;
        }
        for sample in samples::all(lang) {
            write(&format!("{}-{}.html", sample.name, lang.code()), &sample.html)?;
        }
    }
    Ok(())
}
