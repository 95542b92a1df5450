import { asGantryError, dataLoss, errorText, internal } from '@gantry/rpc';
import type { ToldAgain } from '../../session/transfers';
import { NearContents } from './contents';
import type { FarTree } from './far-tree';
import type { Listed, ListingReader } from './listing';
import type { ListingWriter } from './listing-writer';
import type { NextList } from './next-list';
import type { Outbox } from './outbox';
import { errorPacket, finPacket, PACKET, readPacket, statStart } from './packet';
import { fileStat, glance, type Glance, hasContent, isDirectory } from './stat';
import { type Chosen, chosenPath, type Thinning } from './thinning';
import { TOLD_LIST_STAT } from './told-list';
import type { Contents, Hooks } from './tree';
import type { TreeWriter } from './tree-writer';
import { comparePaths, type OpenFolder, WalkOrder } from './walk-order';

export interface ReceptionOptions {
  /** The tree as it was the last time. */
  readonly before: ListingReader;
  /** The list of the tree as it is now. */
  readonly now: NextList;
  /** Made when the first difference is met. One that is far takes contents itself; where contents may come that are known, or a list, it is near. */
  readonly writer: (hooks: Hooks) => Promise<TreeWriter | FarTree>;
  readonly out: Outbox<Buffer>;
  /** Ask for every content, whatever the stats say. */
  readonly everything: boolean;
  /** What of the list of the last time was told again and does not come here; resolved before the first message is. */
  readonly toldAgain: Promise<ToldAgain> | undefined;
  /** Only a part of what is told comes into the tree. */
  readonly thinning: Thinning | undefined;
  readonly received: (bytes: number) => void;
}

/** A file that the client told: its number and its stat. */
export interface Told {
  readonly number: number;
  readonly at: Glance;
  readonly raw: Buffer;
}

/** What there is once something differs. */
interface Begun {
  readonly writer: TreeWriter | FarTree;
  readonly now: ListingWriter;
}

/**
 * The receiving side of fsutil's protocol: the client tells every file of its folder in the order of a walk, is asked for the contents that are not here, sends
 * them in pieces, and is told when that was all. What is the same as the last time is neither asked for nor touched.
 */
export class Reception {
  private readonly order = new WalkOrder();
  private readonly near: NearContents;
  private begun: Begun | undefined;
  /** What comes was told the last time, byte for byte: its order was checked then, and nothing is remembered of it. */
  private asBefore: boolean;
  private toldAgain: Promise<ToldAgain> | undefined;
  private count = 0;
  private told = false;
  private finished = false;
  private failure: Error | undefined;
  private removed = '';
  private readonly links: Buffer[] = [];
  private stop = (): void => undefined;
  /** Where the list of what was told stands, and the digest that it had. */
  private list: { readonly place: number; readonly known: Buffer | undefined } | undefined;

  constructor(private readonly options: ReceptionOptions) {
    this.asBefore = !options.everything && options.thinning === undefined;
    this.toldAgain = this.asBefore ? options.toldAgain : undefined;
    this.near = new NearContents(() => this.nearWriter(), options.out);
  }

  /** The client's messages; `cancel` ends them. */
  async run(messages: AsyncIterable<Buffer> & { cancel(): void }): Promise<void> {
    const { out } = this.options;
    this.stop = () => messages.cancel();
    let fin = false;
    try {
      for await (const message of messages) {
        if (fin) continue; // until the client has ended the stream
        if (this.toldAgain !== undefined) this.pass(await this.toldAgain);
        this.options.received(message.length);
        if (this.asBefore && this.toldBefore(message)) continue;
        const taken = this.packet(message);
        fin = typeof taken === 'boolean' ? taken : await taken;
        if (this.told && !this.finished && this.contents.outstanding === 0) await this.finish();
        else if (this.begun?.writer.full === true) await this.begun.writer.room();
      }
    } catch (error) {
      const failure = this.failure ?? error;
      out.push(errorPacket(errorText(failure)));
      out.end();
      await this.begun?.writer.kill();
      throw failure;
    }
    if (!fin) throw dataLoss('the client ended before its folder was whole');
  }

  private pass({ count, listed, came }: ToldAgain): void {
    this.toldAgain = undefined;
    if (count === 0) return;
    this.count = count;
    this.options.before.goTo({ bytes: listed, count });
    this.options.received(came);
  }

  /** The quick way of most packets: a stat that comes next in the list of the last time. */
  private toldBefore(message: Buffer): boolean {
    const from = statStart(message);
    if (from === 0 || this.options.before.takeSame(message, from) !== true) return false;
    this.count++;
    return true;
  }

  /** True: the client has nothing more to say. A promise only where there is something to wait for: there are three packets a file. */
  private packet(message: Buffer): boolean | Promise<boolean> {
    const { type, stat, id, data } = readPacket(message);
    if (type === PACKET.stat) return (stat === undefined ? this.allTold() : this.stat(stat))?.then(() => false) ?? false;
    if (type === PACKET.data) return this.contents.take(id, data)?.then(() => false) ?? false;
    if (type === PACKET.error) throw internal(`error from sender: ${data.toString()}`);
    if (type === PACKET.fin) {
      this.options.out.end();
      return true;
    }
    return false;
  }

  private stat(raw: Buffer): Promise<void> | undefined {
    const { before, thinning } = this.options;
    if (this.asBefore) {
      const same = before.takeSame(raw);
      if (same === undefined) return before.fill().then(() => this.stat(raw));
      if (!same) return this.catchUp().then(() => this.stat(raw));
      this.count++;
      return undefined;
    }
    const old = before.peek();
    const told: Told = { number: this.count++, at: old?.stat.equals(raw) === true ? old.at : glance(raw), raw };
    if (thinning !== undefined) return this.thinned(thinning, told);
    const { path } = told.at;
    if (!this.upTo(path)) return this.removeBefore(path).then(() => this.entered(told));
    return this.entered(told);
  }

  /** From here on every file is looked at: what was the same until now is walked through once. */
  private async catchUp(): Promise<void> {
    const { before, now } = this.options;
    this.asBefore = false;
    now.sameSoFar();
    const again = before.again();
    for (;;) {
      while (again.peek() === undefined && !again.ended) await again.fill();
      const old = again.peek();
      if (old === undefined) return;
      this.enter({ at: old.at, raw: old.stat });
      again.skip();
    }
  }

  /** What is gone before it is gone while the folders that it was in are still open, so that their times are set again. */
  private entered(told: Told): Promise<void> | undefined {
    this.enter(told);
    return this.compare(told);
  }

  private enter({ at: { path, mode }, raw }: Omit<Told, 'number'>): void {
    this.order.enter(path, (folder) => folder.touched && this.left(folder));
    if (isDirectory(mode)) this.order.folders.push({ path, stat: Buffer.from(raw), touched: false });
  }

  private async thinned(thinning: Thinning, told: Told): Promise<void> {
    const chosen = await thinning.choose(told);
    await this.removeBefore(thinning.bound(chosen, told));
    this.enter(told);
    for (const each of chosen) await this.meet(each);
  }

  private async meet(chosen: Chosen): Promise<void> {
    await this.removeBefore(chosenPath(chosen));
    if (chosen !== 'list') return this.compare(chosen);
    const known = this.known(chosenPath(chosen));
    const same = known?.stat.equals(TOLD_LIST_STAT) === true;
    this.list = {
      place: same ? this.options.now.same(known.stat, known.digest) : (await this.begin()).now.add(TOLD_LIST_STAT),
      known: same ? known.digest : undefined,
    };
  }

  private known(path: string): Listed | undefined {
    const { before } = this.options;
    const old = before.peek();
    if (old?.at.path !== path) return undefined;
    before.skip();
    return old;
  }

  private compare(told: Told): Promise<void> | undefined {
    const { now, everything } = this.options;
    const { at, raw } = told;
    const known = this.known(at.path);
    const same = known?.stat.equals(raw) === true;
    if (same && !(everything && hasContent(at.mode))) now.same(raw, known.digest);
    else if (same && !at.linked && known.digest !== undefined) this.ask(told, now.same(raw, known.digest), known.digest);
    else {
      if (known !== undefined && isDirectory(known.at.mode) && !isDirectory(at.mode)) this.removed = `${at.path}/`;
      const { begun } = this;
      if (begun === undefined)
        return this.begin().then((made) => {
          this.differs(made, told);
          return now.full ? now.flush() : undefined;
        });
      this.differs(begun, told);
    }
    return now.full ? now.flush() : undefined;
  }

  private differs({ writer, now }: Begun, told: Told): void {
    const { at, raw } = told;
    const place = now.add(raw);
    this.touchParent(at.path);
    if (!hasContent(at.mode)) writer.put(fileStat(raw));
    else if (at.linked) this.links.push(Buffer.from(raw));
    else this.ask(told, place);
  }

  /** Asks for a content; what is known by its digest is only looked at. */
  private ask({ number, at, raw }: Told, place: number, known?: Buffer): void {
    const folder = known === undefined ? undefined : this.parentOf(at.path);
    this.contents.expect(number, {
      raw: Buffer.from(raw),
      done: (digest) => known?.equals(digest) !== true && this.options.now.setDigest(place, digest),
      ...(known && { known }),
      ...(folder && { changed: () => this.left(folder) }),
    });
  }

  /** Whether the list of the last time is read as far as the path: `removeBefore` has nothing to do. */
  private upTo(path: string): boolean {
    const { before } = this.options;
    const old = before.peek();
    return old === undefined ? before.ended : comparePaths(old.at.path, path) >= 0;
  }

  /** What was there the last time and comes before the path is gone. Undefined: all that is left of it. */
  private async removeBefore(path: string | undefined): Promise<void> {
    const { before } = this.options;
    for (;;) {
      while (before.peek() === undefined && !before.ended) await before.fill();
      const old = before.peek();
      if (old === undefined || (path !== undefined && comparePaths(old.at.path, path) >= 0)) return;
      if (this.asBefore) await this.catchUp();
      before.skip();
      if (this.removed !== '' && old.at.path.startsWith(this.removed)) continue;
      this.removed = isDirectory(old.at.mode) ? `${old.at.path}/` : '';
      const { writer } = await this.begin();
      writer.remove(old.at.path);
      this.touchParent(old.at.path);
    }
  }

  private parentOf(path: string): OpenFolder | undefined {
    const parent = path.slice(0, Math.max(path.lastIndexOf('/'), 0));
    return this.order.folders.findLast((each) => each.path === parent);
  }

  private touchParent(path: string): void {
    const folder = this.parentOf(path);
    if (folder !== undefined) folder.touched = true;
  }

  /** A folder whose times changed with what was done in it, and which is done with. */
  private left({ path, stat }: OpenFolder): void {
    this.begun?.writer.times({ ...fileStat(stat), path: Buffer.from(path, 'latin1') });
  }

  private async allTold(): Promise<void> {
    if (this.told) throw dataLoss('the client told the end of its folder twice');
    const { thinning } = this.options;
    for (const each of thinning?.rest() ?? []) await this.meet(each);
    await this.removeBefore(undefined);
    this.order.end((folder) => folder.touched && this.left(folder));
    this.told = true;
  }

  private async finish(): Promise<void> {
    this.finished = true;
    for (const link of this.links) this.begun?.writer.put(fileStat(link));
    await this.writeList();
    await this.begun?.writer.end();
    this.options.out.push(finPacket());
  }

  private async writeList(): Promise<void> {
    const { thinning, now } = this.options;
    if (thinning === undefined || this.list === undefined) return;
    const digest = await thinning.list.end();
    if (this.list.known?.equals(digest) === true) return;
    now.setDigest(this.list.place, digest);
    await thinning.list.writeTo(await this.nearWriter(), fileStat(TOLD_LIST_STAT));
  }

  private async begin(): Promise<Begun> {
    const { now, writer } = this.options;
    return (this.begun ??= {
      now: await now.begin(),
      writer: await writer({ drained: () => this.drained(), failed: (error) => this.failed(error) }),
    });
  }

  private async nearWriter(): Promise<TreeWriter> {
    const { writer } = await this.begin();
    if (writer.way === 'far') throw internal('contents of a tree that is far came here');
    return writer;
  }

  private get contents(): Contents {
    return this.begun?.writer.way === 'far' ? this.begun.writer : this.near;
  }

  /** The last content is there, and was no message. */
  private drained(): void {
    if (this.told && !this.finished) this.finish().catch((error: unknown) => this.failed(asGantryError(error)));
  }

  /** What failed while a message of the client is waited for. */
  private failed(error: Error): void {
    this.failure ??= error;
    this.stop();
  }
}
