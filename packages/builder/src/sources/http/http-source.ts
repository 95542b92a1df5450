import { createHash } from 'node:crypto';
import type { ResolveSourceMetaResponse } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { toTimestamp } from '@gantry/api';
import { withWritableMounts } from '@gantry/linux';
import type { HttpClient } from '@gantry/registry';
import { dataLoss, internal, invalidArgument } from '@gantry/rpc';
import type { Ref, Refs } from '../../refs/ref';
import type { StepContext } from '../../solver/op';
import { TreeWriter } from '../local/tree-writer';
import type { Source, SourceInstance } from '../source';
import { contentOf } from './content';
import { fileName } from './filename';
import { type HttpIdentifier, httpIdentifier } from './identifier';
import type { KnownFile, KnownFiles } from './known-files';
import { type Answer, request } from './request';
import { isOfSession, sessionFile } from './session-file';
import { checkedAlgorithm, suffixChecksum } from './suffix-checksum';

export interface HttpSourceTools {
  readonly refs: Refs;
  readonly http: Pick<HttpClient, 'send'>;
  readonly known: KnownFiles;
  /** Path of gantry-native. */
  readonly program: string;
}

/** Files of web servers. */
export function makeHttpSource(tools: HttpSourceTools): Source {
  return {
    schemes: ['http', 'https'],
    open: (identifier, attributes) => new WebFile(tools, httpIdentifier(identifier, attributes)),
    resolve: async (step, { Source: op, HTTP }) => {
      if (op === undefined) throw invalidArgument('there is no source to resolve');
      const wished = HTTP?.ChecksumRequest;
      if (wished !== undefined) checkedAlgorithm(wished);
      const file = await new WebFile(tools, httpIdentifier(op.identifier, op.attrs)).find(step);
      const ChecksumResponse = wished && (await suffixChecksum(tools.refs, step.call, file, wished));
      const about = { Checksum: file.checksum, Filename: file.filename, LastModified: timeOf(file.modified), ChecksumResponse };
      return { Source: op, Image: undefined, Git: undefined, HTTP: about } satisfies ResolveSourceMetaResponse;
    },
  };
}

const timeOf = (modified: string) => (Number.isNaN(Date.parse(modified)) ? undefined : toTimestamp(new Date(modified)));

interface Brought {
  readonly headers: Answer['headers'];
  readonly content: AsyncIterable<Buffer>;
}

class WebFile implements SourceInstance {
  private readonly id: string;
  /** What the server was found to have: one step asks it once. */
  private found: KnownFile | undefined;

  constructor(
    private readonly tools: HttpSourceTools,
    private readonly wish: HttpIdentifier,
  ) {
    const { url, filename, mode, uid, gid, authSecret, headers } = wish;
    this.id = digestOf([url.href, filename, mode, uid, gid, authSecret, headers]);
  }

  async key(step: StepContext): Promise<{ readonly key: string; readonly pin: string }> {
    const { mode, uid, gid, authSecret, headers, checksum, url, filename } = this.wish;
    // What a checksum names is known without asking for it.
    const file = checksum === undefined ? await this.find(step) : { checksum, modified: '', filename: fileName(url, filename, '') };
    return { key: digestOf([file.filename, mode, uid, gid, file.checksum, file.modified, authSecret, headers]), pin: file.checksum };
  }

  async tree(step: StepContext): Promise<Ref> {
    const ref = this.held() ?? this.tools.refs.get((await this.find(step)).record);
    if (ref === undefined) throw internal(`tree of ${this.wish.url.href} is gone`);
    return ref;
  }

  /** The tree of what was found, unless it was pruned meanwhile. */
  private held(): Ref | undefined {
    return this.found === undefined ? undefined : this.tools.refs.get(this.found.record);
  }

  /** The file as it is now: fetched again only when the server says that it changed. */
  async find(step: StepContext): Promise<KnownFile> {
    return (this.found = await this.look(step));
  }

  private async look(step: StepContext): Promise<KnownFile> {
    const { checksum } = this.wish;
    const known = this.here();
    const pinned = known.find((file) => file.checksum === checksum);
    if (pinned !== undefined) return pinned;
    if (isOfSession(this.wish.url)) return this.save(step, { headers: {}, content: sessionFile(step, this.wish.url) });
    const tagged = known.filter(({ etag }) => etag !== '');
    if (checksum === undefined && tagged.length > 0) {
      const same = await this.unchanged(step, tagged);
      if (same !== undefined) return same;
    }
    const answer = await request(this.tools.http, step, this.wish, { method: 'GET', headers: {} });
    if (answer.status < 200 || answer.status >= 300) {
      answer.body.resume();
      throw internal(`invalid response status ${answer.status}`);
    }
    return this.save(step, { headers: answer.headers, content: contentOf(answer, this.wish.url.href) });
  }

  /** Those whose tree has not been pruned. */
  private here(): readonly KnownFile[] {
    return this.tools.known.find(this.id).filter(({ record }) => {
      const ref = this.tools.refs.get(record);
      if (ref === undefined) this.tools.known.drop(record);
      ref?.release();
      return ref !== undefined;
    });
  }

  /** Asked by HEAD with all tags: servers that do not compare them tell theirs. */
  private async unchanged(step: StepContext, known: readonly KnownFile[]): Promise<KnownFile | undefined> {
    const headers = { 'if-none-match': known.map(({ etag }) => etag).join(', ') };
    const { status, headers: told, body } = await request(this.tools.http, step, this.wish, { method: 'HEAD', headers });
    body.resume();
    if (status !== 200 && status !== 304) return undefined;
    const etag = tagOf(told.etag) || (status === 304 && known.length === 1 ? known[0]?.etag : '');
    return known.find((file) => file.etag === etag);
  }

  private async save(step: StepContext, answer: Brought): Promise<KnownFile> {
    const { refs, program, known } = this.tools;
    const { url, filename, mode, uid, gid, checksum } = this.wish;
    const name = fileName(url, filename, String(answer.headers['content-disposition'] ?? ''));
    const modified = answer.headers['last-modified'] ?? '';
    const tree = await refs.prepare(step.call, undefined, { description: `http url ${shown(url)}` });
    try {
      const digest = await withWritableMounts(tree.mounts, async (root) => {
        const writer = new TreeWriter(program, root);
        const modTime = Number.isNaN(Date.parse(modified)) ? 0n : BigInt(Date.parse(modified)) * 1_000_000n;
        const stat = {
          kind: 'file' as const,
          path: Buffer.from(name),
          link: Buffer.alloc(0),
          mode,
          uid,
          gid,
          major: 0,
          minor: 0,
          modTime,
          xattrs: new Map(),
        };
        const hash = createHash('sha256');
        try {
          writer.open(0, stat);
          for await (const part of answer.content) {
            hash.update(part);
            writer.data(0, part);
            if (writer.full) await writer.room();
          }
          writer.close(0, stat);
          await writer.end();
        } catch (error) {
          await writer.kill();
          throw error;
        }
        return hash.digest();
      });
      const own = `sha256:${digest.toString('hex')}`;
      if (checksum !== undefined && checksum !== own) throw dataLoss(`digest mismatch ${own}: ${checksum}`);
      tree.noteDigests(new Map([[name, digest]]));
      const ref = await tree.commit(step.call);
      const file = { etag: tagOf(answer.headers.etag), checksum: own, modified, filename: name, record: ref.id };
      known.keep(this.id, file);
      ref.release();
      return file;
    } catch (error) {
      await tree.discard().catch(() => undefined);
      throw error;
    }
  }
}

/** A weak tag is good enough: it names what means the same. */
const tagOf = (etag: string | undefined): string => (etag ?? '').replace(/^W\//, '');

const digestOf = (parts: unknown): string => `sha256:${createHash('sha256').update(JSON.stringify(parts)).digest('hex')}`;

/** Without what an address may hold to say who asks. */
export function shown(url: URL): string {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare.href;
}
