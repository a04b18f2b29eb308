/** Tiles so many frames of a clip, and tells who forked it how much memory that took at most, in MiB. */
import { loadTiledVideo } from '@lingbi/video';

const [path, frames] = process.argv.slice(2);
await loadTiledVideo(path!, { sampling: { kind: 'count', count: Number(frames) } });
process.send!(process.resourceUsage().maxRSS / 1024);
