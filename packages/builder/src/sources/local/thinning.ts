import { IgnoreMatcher } from '../../fsutil/ignore-matcher';
import type { Told } from './reception';
import { isDirectory } from './stat';
import { TOLD_LIST, type ToldList } from './told-list';
import { comparePaths } from './walk-order';

/** A stat that belongs to the tree: one of the client's, or that of the list itself, whose content is made here. */
export type Chosen = Told | 'list';

export const chosenPath = (chosen: Chosen): string => (chosen === 'list' ? TOLD_LIST : chosen.at.path);

/** Of what a client tells, only the exceptions and the folders that they lie in come into the tree; everything is told by a list in it. */
export class Thinning {
  private readonly matcher: IgnoreMatcher;
  /** Folders that the walk is in and that are not in the tree yet. */
  private readonly above: Told[] = [];
  private placed = false;

  constructor(
    exceptions: readonly string[],
    readonly list: ToldList,
  ) {
    this.matcher = new IgnoreMatcher(exceptions);
  }

  /** What belongs to the tree now that this was told, in the order of the walk. */
  async choose(told: Told): Promise<readonly Chosen[]> {
    const { path } = told.at;
    const chosen: Chosen[] = comparePaths(path, TOLD_LIST) < 0 ? [] : this.rest();
    // A file of the client's under the list's name has no place.
    if (path === TOLD_LIST || path.startsWith(`${TOLD_LIST}/`)) return chosen;
    await this.list.add(told.raw);
    for (let last = this.above.at(-1); last !== undefined && !path.startsWith(`${last.at.path}/`); last = this.above.at(-1))
      this.above.pop();
    if (this.matcher.matches(Buffer.from(path, 'latin1').toString())) chosen.push(...this.above.splice(0), told);
    else if (isDirectory(told.at.mode)) this.above.push({ ...told, raw: Buffer.from(told.raw) });
    return chosen;
  }

  /** Nothing that comes before this path can be chosen any more. */
  bound([first]: readonly Chosen[], told: Told): string {
    return first === undefined ? (this.above[0] ?? told).at.path : chosenPath(first);
  }

  /** The client has told everything. */
  rest(): Chosen[] {
    if (this.placed) return [];
    this.placed = true;
    return ['list'];
  }
}
