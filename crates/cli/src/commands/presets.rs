//! presets: saved choices of a conversion.

use redline_core::PresetView;

use super::choices::{pairs, with_on_reject};
use super::json as to_json;
use crate::app::App;
use crate::args::{Presets, PresetsAction};
use crate::failure::{Outcome, status};
use crate::table::{Align, Table};
use crate::words;

pub fn presets(app: &App, a: Presets) -> Outcome {
    let session = app.session()?;
    let (presets, said) = match a.action {
        None | Some(PresetsAction::List) => (session.presets(), None),
        Some(PresetsAction::Save {
            name,
            to,
            set,
            on_reject,
        }) => {
            let options = with_on_reject(pairs(&set)?, on_reject);
            let shown = words::name(name.trim());
            let presets = session.save_preset(PresetView { name, to, options })?;
            let said = format!("Saved \"{shown}\". Begin a conversion with it by --preset.");
            (presets, Some(said))
        }
        Some(PresetsAction::Delete { name }) => {
            let presets = session.delete_preset(&name)?;
            (
                presets,
                Some(format!("Deleted \"{}\".", words::name(name.trim()))),
            )
        }
    };
    if app.out.json {
        app.out.object([("presets", to_json(&presets)?)])?;
        return Ok(status::DONE);
    }
    if let Some(said) = said {
        app.out.summary(said)?;
        return Ok(status::DONE);
    }
    if presets.is_empty() {
        app.out.summary(
            "No presets yet. Save one with: redline presets save NAME --to parquet --set KEY=VALUE",
        )?;
        return Ok(status::DONE);
    }
    let columns = [
        ("NAME", Align::Left),
        ("TO", Align::Left),
        ("CHOICES", Align::Left),
    ];
    let mut table = Table::new(&columns, app.out.colour());
    app.out.write(|to| {
        for preset in &presets {
            let choices: Vec<String> = preset
                .options
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            table.row(
                vec![
                    words::name(&preset.name),
                    preset.to.clone().unwrap_or_default(),
                    words::name(&choices.join("  ")),
                ],
                to,
            )?;
        }
        table.end(to)
    })?;
    Ok(status::DONE)
}
