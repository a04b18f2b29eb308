/** A Python program that answers the lines of contender.ts: the tower and projector in PyTorch. */
export const torchTower = `
import json, sys, time
import torch, torch.nn as nn, torch.nn.functional as F

class Layer(nn.Module):
    def __init__(self, width=1024, heads=16):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
    def forward(self, x):
        y = self.norm1(x)
        split = lambda t: t.view(1, -1, self.heads, t.shape[-1] // self.heads).transpose(1, 2)
        y = F.scaled_dot_product_attention(split(self.q(y)), split(self.k(y)), split(self.v(y)))
        x = x + self.o(y.transpose(1, 2).reshape(x.shape))
        y = self.up(self.norm2(x))
        return x + self.down(y * torch.sigmoid(1.702 * y))

class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 1024, 14, 14, bias=False)
        self.first = nn.Parameter(torch.zeros(1, 1, 1024))
        self.places = nn.Parameter(torch.zeros(1, 1601, 1024))
        self.norm = nn.LayerNorm(1024)
        self.layers = nn.Sequential(*(Layer() for _ in range(24)))
        self.project = nn.Sequential(nn.Linear(4096, 2048), nn.GELU(), nn.Linear(2048, 2048))
    def forward(self, pixels):
        x = self.patches(pixels).flatten(2).transpose(1, 2)
        x = self.layers(self.norm(torch.cat([self.first, x], 1) + self.places))[:, 1:]
        x = x.view(1, 20, 2, 20, 2, 1024).permute(0, 1, 3, 2, 4, 5).reshape(1, 400, 4096)
        return self.project(x)

def milliseconds(task):
    start = time.perf_counter()
    with torch.inference_mode():
        task()
    return (time.perf_counter() - start) * 1000

tower = pixels = None
for line in sys.stdin:
    request = json.loads(line)
    if request['task'] == 'open':
        torch.set_num_threads(request['threads'])
        tower, pixels = Tower().eval(), torch.rand(1, 3, 560, 560)
        answer = {'runtime': 'PyTorch ' + torch.__version__, 'ready': milliseconds(lambda: tower(pixels))}
    elif request['task'] == 'tile':
        answer = [milliseconds(lambda: tower(pixels))]
    else:
        answer = 0
    print(json.dumps({'answer': answer}, separators=(',', ':')), flush=True)
`;
