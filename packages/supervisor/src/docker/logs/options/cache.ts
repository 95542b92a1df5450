import { goBool } from './go-values';

export type LogOptions = Readonly<Record<string, string>>;

/** Options of the file that keeps the lines of a driver which cannot be read back. */
export const CACHE_OPTIONS = ['cache-disabled', 'cache-max-size', 'cache-max-file', 'cache-compress'] as const;

export function cacheDisabled(options: LogOptions): boolean {
  const disabled = options['cache-disabled'] ?? '';
  return disabled !== '' && goBool(disabled);
}

/** What a container's options take over from those of the engine, whichever driver it names. */
export function cacheDefaults(defaults: LogOptions): LogOptions {
  return Object.fromEntries(Object.entries(defaults).filter(([name]) => (CACHE_OPTIONS as readonly string[]).includes(name)));
}
