import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { ResolveSourceMetaResponse } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { withWritableMounts } from '@gantry/linux';
import { invalidArgument } from '@gantry/rpc';
import type { SocketPaths } from '../../ops/exec/special/ssh';
import type { Ref, Refs } from '../../refs/ref';
import type { StepContext } from '../../solver/op';
import { Lasting } from '../lasting';
import type { PlaceStore } from '../local/places';
import type { Source, SourceInstance } from '../source';
import { type GitAccess, gitAccess } from './access';
import { checkout } from './checkout';
import { git, type GitRun } from './git';
import { type GitIdentifier, gitIdentifier, isCommit, shown } from './identifier';
import { checkCommit, findCommit, type FoundCommit } from './remote-refs';
import { fetchCommit, type Repositories } from './repository';

/** SQL of the table that this room keeps in the builder's store. */
export const gitStateTable = 'CREATE TABLE git_state (key TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;';

export interface GitSourceTools {
  readonly refs: Refs;
  readonly store: PlaceStore;
  readonly repositories: Repositories;
  readonly socketPath: SocketPaths;
  /** Path of gantry-native. */
  readonly program: string;
}

const SCHEME = 'git://';

/** Repositories of git. */
export function makeGitSource(tools: GitSourceTools): Source {
  return {
    schemes: ['git'],
    open: (identifier, attributes) => new Checkout(tools, gitIdentifier(identifier.slice(SCHEME.length), attributes)),
    resolve: async (step, { Source: op, Git: about }) => {
      if (op === undefined) throw invalidArgument('there is no source to resolve');
      const instance = new Checkout(tools, gitIdentifier(op.identifier.slice(SCHEME.length), op.attrs));
      const { commit, ref } = await instance.find(step);
      const CommitObject = about?.ReturnObject === true ? await instance.object(step) : Buffer.alloc(0);
      const Git = { Checksum: commit, Ref: ref, CommitChecksum: commit, CommitObject, TagObject: Buffer.alloc(0) };
      return { Source: op, Image: undefined, HTTP: undefined, Git } satisfies ResolveSourceMetaResponse;
    },
  };
}

class Checkout implements SourceInstance {
  private readonly found = new Lasting<FoundCommit>();

  constructor(
    private readonly tools: GitSourceTools,
    private readonly wish: GitIdentifier,
  ) {}

  async key(step: StepContext): Promise<{ readonly key: string; readonly pin: string }> {
    const { commit, ref } = await this.find(step);
    const { keepGitDir, subdir, skipSubmodules } = this.wish;
    const git_ = keepGitDir ? `.git${ref === '' ? '' : `#${ref}`}` : '';
    return { key: `${commit}${git_}${subdir === '' ? '' : `:${subdir}`}${skipSubmodules ? '(skip-submodules)' : ''}`, pin: commit };
  }

  async tree(step: StepContext): Promise<Ref> {
    const { key } = await this.key(step);
    const { store, refs } = this.tools;
    const own = createHash('sha256').update(`${this.wish.remote} ${key}`).digest('hex');
    const known = store.get<{ readonly record: string }>('SELECT record FROM git_state WHERE key = ?', own);
    const here = known === undefined ? undefined : refs.get(known.record);
    if (here !== undefined) return here;
    const ref = await this.bring(step);
    store.run('INSERT OR REPLACE INTO git_state (key, record) VALUES (?, ?)', own, ref.id);
    return ref;
  }

  /** A whole commit is itself; what a name means the remote is asked, once. */
  find(step: StepContext): Promise<FoundCommit> {
    return this.found.get(() => this.findNow(step));
  }

  /** The commit as git stores it. */
  async object(step: StepContext): Promise<Buffer> {
    const found = await this.find(step);
    return this.inRepository(step, async (run, repository) => {
      await fetchCommit(repository, { ...found, remote: this.wish.remote }, run);
      return git(['cat-file', 'commit', found.commit], { ...run, folder: repository });
    });
  }

  private async findNow(step: StepContext): Promise<FoundCommit> {
    const { ref, checksum, keepGitDir } = this.wish;
    if (isCommit(checksum) && !keepGitDir) return { commit: checksum, ref: '' };
    if (isCommit(ref)) {
      checkCommit(ref, checksum);
      return { commit: ref, ref: '' };
    }
    return this.inRepository(step, (run) => findCommit(this.wish, run));
  }

  private async bring(step: StepContext): Promise<Ref> {
    const found = await this.find(step);
    const { refs, program } = this.tools;
    const { remote, ref, checksum } = this.wish;
    const named = ref === '' ? found.ref : ref;
    return this.inRepository(step, async (run, repository, work) => {
      // The checksum was enough to be known by; what is brought has to be what the ref names.
      if (found.ref === '' && checksum !== '') {
        if (isCommit(ref)) checkCommit(ref, checksum);
        else await findCommit(this.wish, run);
      }
      await fetchCommit(repository, { remote, commit: found.commit, ref: found.ref !== '' ? found.ref : isCommit(ref) ? '' : ref }, run);
      const description = `git snapshot for ${shown(remote)}#${named}`;
      const tree = await refs.prepare(step.call, undefined, { description, type: 'source.git.checkout' });
      try {
        await withWritableMounts(tree.mounts, (path) => checkout({ repository, work, tree: path, program }, found, this.wish, run));
        return await tree.commit(step.call);
      } catch (error) {
        await tree.discard().catch(() => undefined);
        throw error;
      }
    });
  }

  private inRepository<T>(step: StepContext, use: (run: GitRun, repository: string, work: string) => Promise<T>): Promise<T> {
    const { repositories, socketPath } = this.tools;
    return repositories.with(this.wish.remote, async (repository) => {
      const work = await repositories.work(repository);
      let access: GitAccess | undefined;
      try {
        access = await gitAccess(step, this.wish, { folder: work, socketPath });
        return await use({ signal: step.call.signal, progress: step.progress, folder: work, ...access }, repository, work);
      } finally {
        await access?.release();
        await rm(work, { recursive: true, force: true });
      }
    });
  }
}
