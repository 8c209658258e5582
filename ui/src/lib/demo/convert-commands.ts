/** What the demo answers about conversions, presets and the history. */
import type { ConversionRequest } from '../contract/ConversionRequest';
import type { ConversionView } from '../contract/ConversionView';
import type { FileView } from '../contract/FileView';
import type { PresetView } from '../contract/PresetView';
import type { DemoShell } from '.';
import { made, mergePlan, plan, refuse } from './conversions';
import { FORMATS, optionsFor } from './formats';
import { profile } from './profiles';

interface ConvertArgs {
  id: number;
  request: ConversionRequest;
}
interface MergeArgs {
  ids: number[];
  request: ConversionRequest;
  by: string;
}

export function convertCommands(shell: DemoShell, history: ConversionView[]) {
  const { file, catalog, tell, job } = shell;
  const presets: PresetView[] = [
    { name: 'For Excel', to: 'csv', options: { bom: 'yes', line_end: 'crlf', out_quote: 'all' } },
    { name: 'Small and tidy', to: 'parquet', options: { codec: 'zstd', names: 'tidy' } },
  ];

  /** Puts a finished conversion's result beside the files and into the history. */
  const keep = (done: ConversionView): ConversionView => {
    done.output_id = catalog.add(done.output_name, done.size_bytes).id;
    done.id = Math.max(0, ...history.map((h) => h.id)) + 1;
    history.unshift(done);
    tell({ type: 'history' });
    tell({ type: 'files' });
    return done;
  };

  const run = (source: FileView, request: ConversionRequest, kind: string, sources: FileView[]) => {
    const p = kind === 'merge' ? mergePlan(sources, request, 'name') : plan(source, request);
    if (p.profile.rejects.count > 0 && request.options.on_reject !== 'report') {
      throw refuse('malformed', `Could not convert “${source.filename}”: ${p.profile.rejects.count} rows do not fit the table.`, 'Leave them out and have them reported, or change how the file is read.');
    }
    const title = kind === 'merge' ? `Merging ${sources.length} files` : `Converting ${source.filename}`;
    const bytes = sources.reduce((n, f) => n + f.size_bytes, 0);
    // One that fails on the way, to see how that looks.
    const failing = source.filename.startsWith('ledger_') && source.format === 'json';
    return job('convert', title, 'writing', bytes, 1, () => {
      if (failing) throw refuse('disk_full', `Could not convert “${source.filename}”: the disk is full (needs 1.2 GB, 300 MB free).`, 'Free some space or move the store in Settings.');
      return { type: 'convert', value: keep(made(source, request, kind, sources)) };
    }, shell.quick ? 0.4 : 2.4);
  };

  return {
    formats: () => FORMATS,
    conversion_options: ({ from, to }: { from: string; to: string }) => optionsFor(from, to),
    plan_conversion: ({ id, request }: ConvertArgs) => plan(file(id), request),
    convert_file: ({ id, request }: ConvertArgs) => run(file(id), request, 'convert', [file(id)]),
    plan_merge: ({ ids, request, by }: MergeArgs) => mergePlan(ids.map(file), request, by),
    merge_files: ({ ids, request }: MergeArgs) => run(file(ids[0]!), request, 'merge', ids.map(file)),
    rerun_conversion: ({ id }: { id: number }) => {
      const before = history.find((h) => h.id === id);
      if (!before || before.source_id === null) throw refuse('not_found', 'Could not run it again: the source is no longer stored.', 'Add the source again, and convert it from there.');
      return job('convert', `Converting ${before.source_name}`, 'writing', before.size_bytes * 7, 1, () => ({
        type: 'convert',
        value: keep({ ...before, converted_at: new Date().toISOString() }),
      }), 2.4);
    },
    history: ({ limit, offset }: { limit: number; offset: number }) => history.slice(offset, offset + limit),
    save_certificate: () => true,
    inspect_file: ({ id, options }: { id: number; options: Record<string, string> }) => {
      const at = file(id);
      if (!FORMATS.some((f) => f.id === at.format)) throw refuse('unsupported', `“${at.filename}” holds no table: it seems to be a ${at.format.toUpperCase()}.`, '');
      return profile(at, options);
    },
    presets: () => presets,
    save_preset: ({ preset }: { preset: PresetView }) => {
      const at = presets.findIndex((p) => p.name === preset.name);
      if (at >= 0) presets[at] = preset;
      else presets.push(preset);
      return presets;
    },
    delete_preset: ({ name }: { name: string }) => {
      const at = presets.findIndex((p) => p.name === name);
      if (at >= 0) presets.splice(at, 1);
      return presets;
    },
  };
}
