import { type Dirent, promises as fs } from 'node:fs';
import type { PluginPlaces } from './places';

/** The names under which plugins left word of themselves, in order. Whether there is a plugin behind one shows when it is asked. */
export async function pluginNames({ sockets, specs }: PluginPlaces): Promise<readonly string[]> {
  const found = new Set<string>();
  const places = [{ directory: sockets, endings: ['.sock'] }, ...specs.map((directory) => ({ directory, endings: ['.spec', '.json'] }))];
  for (const { directory, endings } of places)
    for (const entry of await entriesOf(directory)) {
      const ending = endings.find((each) => entry.name.endsWith(each));
      if (entry.isDirectory()) found.add(entry.name);
      else if (ending !== undefined) found.add(entry.name.slice(0, -ending.length));
    }
  return [...found].sort();
}

const entriesOf = (directory: string): Promise<Dirent[]> => fs.readdir(directory, { withFileTypes: true }).catch(() => []);
