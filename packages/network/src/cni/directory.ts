import { type FSWatcher, watch } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasCode } from '@gantry/linux';
import { after, errorText, invalidArgument, type Logger, prefixed, type Timer } from '@gantry/rpc';
import { type NetworkList, parseNetworkList, parsePluginFile, type PluginConfig } from './config-list';

const KINDS = /\.(conflist|conf|json)$/;
const FILE_LIMIT = 1024 * 1024;
const FILES_LIMIT = 1000;
/** What changes comes in several steps (a file is made, then written): they are one change when they follow this close, milliseconds. */
const SETTLE_MS = 100;

/** What a folder of configuration holds now. */
export interface Loaded {
  /** The first that is whole, by its file's name. */
  readonly network?: NetworkList;
  readonly file?: string;
  /** What was wrong with files before it, or with the folder. */
  readonly problems: readonly string[];
}

/** Reads a folder as kubelet's users expect: files in the order of their names, the first that is a whole network. Never rejects. */
export async function loadDirectory(directory: string): Promise<Loaded> {
  const problems: string[] = [];
  try {
    const names = (await readdir(directory)).filter((name) => KINDS.test(name)).toSorted(byBytes);
    for (const name of names.slice(0, FILES_LIMIT)) {
      const file = join(directory, name);
      try {
        return { network: await loadFile(file), file, problems };
      } catch (error) {
        problems.push(`${file}: ${errorText(error)}`);
      }
    }
    if (names.length === 0) problems.push(`no network config found in ${directory}`);
  } catch (error) {
    problems.push(hasCode(error, 'ENOENT') ? `no network config found in ${directory}` : errorText(error));
  }
  return { problems };
}

async function loadFile(file: string): Promise<NetworkList> {
  const list = parseNetworkList(await readText(file), { list: file.endsWith('.conflist') });
  const further = list.onlyInlined ? [] : await loadPlugins(join(dirname(file), list.name));
  const plugins = [...list.plugins, ...further];
  if (plugins.length === 0) throw invalidArgument('it has no plugins');
  return { ...list, plugins };
}

/** Programs of a network that stand in files of their own. */
async function loadPlugins(directory: string): Promise<PluginConfig[]> {
  const plugins: PluginConfig[] = [];
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
  for (const name of names.filter((each) => each.endsWith('.conf')).toSorted(byBytes)) {
    try {
      plugins.push(parsePluginFile(await readText(join(directory, name))));
    } catch (error) {
      throw prefixed(error, name);
    }
  }
  return plugins;
}

async function readText(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const status = await file.stat();
    if (!status.isFile()) throw invalidArgument('it is no file');
    if (status.size > FILE_LIMIT) throw invalidArgument(`it has ${status.size} bytes, more than ${FILE_LIMIT}`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** As Go sorts names. */
const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other));

/**
 * Keeps what a folder holds, told of changes by the kernel. A folder that is not there yet is waited for in the nearest one above it that is.
 */
export class ConfigDirectory {
  #loaded: Loaded = { problems: [] };
  #watchers: FSWatcher[] = [];
  #timer: Timer | undefined;
  #loading: Promise<void> = Promise.resolve();
  #closed = false;
  #blind = false;

  constructor(
    readonly path: string,
    private readonly logger: Logger,
  ) {}

  get current(): Loaded {
    return this.#loaded;
  }

  /** Nobody tells of changes: whoever asks has to have it loaded. */
  get blind(): boolean {
    return this.#blind;
  }

  /** Loads, and goes on loading when something changes. */
  async start(): Promise<void> {
    this.#watch();
    await this.reload();
  }

  /** Loads now; for whoever cannot wait for news. */
  reload(): Promise<void> {
    this.#loading = this.#loading.then(async () => {
      const now = await loadDirectory(this.path);
      if (JSON.stringify(this.#loaded) === JSON.stringify(now)) return;
      this.#loaded = now;
      for (const problem of now.network === undefined ? [] : now.problems)
        this.logger.warn({ problem }, 'a file of CNI configuration is passed over');
      this.logger.info({ file: now.file, network: now.network?.name, problems: now.problems }, 'CNI configuration');
    });
    return this.#loading;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  /** The folder itself and what is in it; else the one in which it will come to be. */
  #watch(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
    for (let place = this.path; ; place = dirname(place)) {
      if (this.#observe(place) || place === dirname(place)) break;
    }
    // The folder's own going is told in the one above it, and so is another that takes its name.
    if (this.path !== '/') this.#observe(dirname(this.path));
    const { network } = this.#loaded;
    if (network?.onlyInlined === false) this.#observe(join(this.path, network.name));
  }

  #observe(place: string): boolean {
    try {
      const watcher = watch(place, { persistent: false }, () => this.#changed());
      watcher.on('error', () => this.#changed());
      this.#watchers.push(watcher);
      return true;
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return false;
      // No more watches, or a file system that has none.
      if (!this.#blind)
        this.logger.warn({ err: error, place }, 'changes of the CNI configuration are not told: it is read when it is asked for');
      this.#blind = true;
      return true;
    }
  }

  #changed(): void {
    if (this.#closed) return;
    this.#timer ??= after(
      SETTLE_MS,
      () => {
        this.#timer = undefined;
        this.#watch();
        void this.reload().then(() => this.#closed || this.#watch());
      },
      { ref: false },
    );
  }
}
