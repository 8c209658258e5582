/** Statistics that grow as a store does: slowly, then in steps. */
import type { GrowthPoint } from '../contract/GrowthPoint';
import type { StoreStats } from '../contract/StoreStats';
import type { DemoCatalog } from './catalog';

export function storeStats(catalog: DemoCatalog, quota: number | null): StoreStats {
  const by_type = catalog.counts();
  const total_files = by_type.reduce((n, c) => n + c.files, 0);
  const total_size_bytes = by_type.reduce((n, c) => n + c.bytes, 0);
  // A store of a few files began today.
  const days = total_files === 0 ? 0 : total_files < 8 ? 1 : 64;
  const growth: GrowthPoint[] = Array.from({ length: days }, (_, i) => ({
    day: new Date(Date.now() - (days - 1 - i) * 86_400_000 * 1.7).toISOString().slice(0, 10),
    by_type: by_type.map((c, k) => {
      const along = (i + 1) / days;
      const share = k === 3 ? (i > 44 ? 1 : 0.2) * along : along ** (1.2 + k * 0.15);
      return { ...c, files: Math.round(c.files * share), bytes: Math.round(c.bytes * share) };
    }),
  }));
  const trash = catalog.trashed();
  return {
    total_files,
    total_size_bytes,
    total_size_mb: Math.round((total_size_bytes / 1_048_576) * 100) / 100,
    total_tables: 0,
    trash_files: trash.length,
    trash_bytes: trash.reduce((n, f) => n + f.size_bytes, 0),
    missing_files: total_files > 8 ? 1 : 0,
    duplicate_files: total_files > 8 ? 12 : 0,
    duplicate_bytes: total_files > 8 ? 318_000_000 : 0,
    quota_bytes: quota,
    by_type,
    largest:
      total_files > 50_000
        ? catalog.page({ file_type: null, search: null, sort: 'added', reverse: false, offset: 0, limit: 5, trash: false }).files
        : catalog.page({ file_type: null, search: null, sort: 'size', reverse: false, offset: 0, limit: 5, trash: false }).files,
    growth,
  };
}
