//! backup rules, versioning, rule and policy: the bucket's own settings.

use redline_core::{BucketRuleView, BucketRulesView, OwnRule, VersioningState};
use serde_json::json;

use super::json as to_json;
use crate::app::App;
use crate::failure::{Outcome, status};
use crate::words;

pub fn show(app: &App) -> Outcome {
    let rules = app.session()?.bucket_rules()?;
    tell(app, &rules)
}

pub fn versioning(app: &App, on: bool) -> Outcome {
    let rules = app.session()?.set_versioning(on)?;
    tell(app, &rules)
}

pub fn rule(app: &App, rule: Option<OwnRule>, apply: bool) -> Outcome {
    let session = app.session()?;
    let plan = session.plan_own_rule(rule)?;
    if apply {
        let rules = session.set_own_rule(rule)?;
        if app.out.json {
            return tell(app, &rules);
        }
    } else if app.out.json {
        app.out.object([("plan", to_json(&plan)?)])?;
        return Ok(status::DONE);
    }
    for effect in &plan.effects {
        app.out.line(words::name(effect))?;
    }
    list(app, "lifecycle", &plan.after)?;
    app.out.summary(if apply {
        "Done."
    } else {
        "Nothing was changed; --apply does it."
    })?;
    Ok(status::DONE)
}

pub fn policy(app: &App, bucket: Option<&str>) -> Outcome {
    let policy = app.session()?.bucket_policy(bucket)?;
    if app.out.json {
        app.out.object([("policy", json!(policy))])?;
    } else {
        app.out.line(policy)?;
    }
    Ok(status::DONE)
}

fn tell(app: &App, rules: &BucketRulesView) -> Outcome {
    if app.out.json {
        app.out.object([("rules", to_json(rules)?)])?;
        return Ok(status::DONE);
    }
    app.out.line(format!(
        "Versioning: {}",
        match (rules.versioning, rules.versioning_proven) {
            (VersioningState::On, true) => "on, and a replaced version was read back",
            (VersioningState::On, false) => "on, but a replaced version could not be read back",
            (VersioningState::Off, _) => "off; every revision is kept by its content",
            (VersioningState::Suspended, _) => "suspended; every revision is kept by its content",
            (VersioningState::Unknown, _) => "not known",
        }
    ))?;
    list(app, "lifecycle", &rules.lifecycle)?;
    list(app, "replication", &rules.replication)?;
    for why in &rules.unknown {
        app.out.line(app.out.dim(&words::name(why)))?;
    }
    Ok(status::DONE)
}

fn list(app: &App, kind: &str, rules: &[BucketRuleView]) -> std::io::Result<()> {
    for rule in rules {
        let mut line = format!(
            "  {kind}  {}{}  {}  {}",
            words::name(&rule.id),
            if rule.ours { " (ours)" } else { "" },
            if rule.prefix.is_empty() {
                "all keys".to_owned()
            } else {
                words::name(&rule.prefix)
            },
            words::name(&rule.does.join(" "))
        );
        if !rule.enabled {
            line.push_str("  (off)");
        }
        if rule.endangers_backup {
            line = app
                .out
                .red(&format!("{line}  takes away what restore points need"));
        }
        app.out.line(line)?;
    }
    Ok(())
}
