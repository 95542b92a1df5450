import { type Extraction, type Following, type Laid, NativeTree, type WholeFile } from '../layers/native';

/** Lays layers out where whiteouts delete: in a tree that holds everything below already. */
export class PlainTree extends NativeTree {
  override extract(root: string): Extraction {
    return super.extract(root, false);
  }

  override follow(root: string, _overlay: boolean, file: number, gzip: boolean): Following {
    return super.follow(root, false, file, gzip);
  }

  override lay(root: string, _overlay: boolean, file: WholeFile): Promise<Laid> {
    return super.lay(root, false, file);
  }
}
