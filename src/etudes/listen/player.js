// Turns the audio elements of every player on the page into one synchronised player. Runs once for
// each output of a notebook, so it must be small, and harmless when a player is already there.
(() => {
  const FADE = 0.012, STEP = 0.5;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const make = (tag, name, parent, text = "") => {
    const element = document.createElement(tag);
    element.className = name;
    element.textContent = text;
    parent?.append(element);
    return element;
  };
  // One clock and one voice for the whole page: whoever starts stops the others, in other frames too.
  const page = (window.etudesPage ||= (() => {
    const page = { playing: null, context: null };
    try {
      page.channel = new BroadcastChannel("etudes-players");
      page.channel.onmessage = () => page.playing?.pause();
    } catch {}
    document.addEventListener("play", () => page.playing?.pause(), true);
    return page;
  })());

  function upgrade(root) {
    root.dataset.ready = "1";
    const takes = [...root.querySelectorAll(".etudes-take")];
    const duration = Number(root.dataset.seconds);
    let buffers, context, sources = [], gains = [], master;
    let current = 0, position = 0, started = 0, playing = false, turn = 0, looping = "loop" in root.dataset, lastSaid = 0;

    const bar = make("div", "etudes-bar", null);
    const play = make("button", "etudes-play", bar);
    const choices = takes.length < 2 ? [] : takes.map((take, i) => {
      const choice = make("button", "etudes-choice", bar, `${i + 1} ${take.dataset.name}`);
      if (take.dataset.gain) choice.append(" ", make("small", "", null, take.dataset.gain));
      choice.onclick = () => choose(i);
      return choice;
    });
    const right = make("span", "etudes-right", bar);
    const loop = make("button", "etudes-loop", right, "Loop");
    const time = make("span", "etudes-time", right);
    const problem = make("p", "etudes-problem", null);
    const news = make("span", "etudes-hidden", bar);
    problem.setAttribute("role", "alert");
    news.setAttribute("role", "status");
    bar.querySelectorAll("button").forEach((button) => (button.type = "button"));
    const list = root.querySelector(".etudes-takes");
    list.before(bar, problem);
    const seekbar = make("div", "etudes-seek", list);
    const cursor = make("div", "etudes-cursor", seekbar);
    for (const [key, value] of Object.entries({
      role: "slider", tabindex: 0, "aria-label": "Position", "aria-valuemin": 0, "aria-valuemax": duration,
    })) seekbar.setAttribute(key, value);
    root.classList.add("etudes-on");

    // What is heard now lies a little behind what was handed to the loudspeaker.
    const now = () => {
      if (!playing) return position;
      const at = position + Math.max(0, context.currentTime - (context.outputLatency || 0) - started);
      return looping ? at % duration : Math.min(at, duration);
    };
    const draw = (aloud) => {
      const at = now();
      cursor.style.left = `${(100 * at) / duration}%`;
      time.textContent = `${at.toFixed(1)} / ${duration.toFixed(1)} s`;
      if (!aloud && Math.abs(at - lastSaid) < 1) return;
      lastSaid = at;
      seekbar.setAttribute("aria-valuenow", at.toFixed(2));
      seekbar.setAttribute("aria-valuetext", `${at.toFixed(1)} of ${duration.toFixed(1)} seconds`);
    };
    const tick = () => {
      if (!playing) return;
      if (!root.isConnected) return pause();
      draw();
      calm.matches ? setTimeout(tick, 500) : requestAnimationFrame(tick);
    };
    const show = () => {
      play.textContent = playing ? "Pause" : "Play";
      root.classList.toggle("etudes-playing", playing);
      loop.setAttribute("aria-pressed", looping);
      choices.forEach((choice, i) => choice.setAttribute("aria-pressed", i === current));
      takes.forEach((take, i) => take.classList.toggle("etudes-current", i === current));
      draw(true);
    };
    const ramp = (gain, value, when) => {
      gain.cancelScheduledValues(when);
      gain.setValueAtTime(gain.value, when);
      gain.linearRampToValueAtTime(value, when + FADE);
    };
    const silence = () => {
      if (!sources.length) return;
      const end = context.currentTime + FADE;
      ramp(master.gain, 0, context.currentTime);
      sources[0].onended = null;
      sources.forEach((source) => source.stop(end));
      sources = [];
    };
    // All takes start at one moment from one position; all but one at gain 0.
    const begin = (from) => {
      silence();
      position = from;
      started = context.currentTime + 0.02;
      master = new GainNode(context, { gain: 0 });
      master.connect(context.destination);
      master.gain.setValueAtTime(from ? 0 : 1, started); // a clip's own beginning is not softened
      master.gain.linearRampToValueAtTime(1, started + (from ? FADE : 0));
      gains = takes.map((_, i) => new GainNode(context, { gain: Number(i === current) }));
      sources = buffers.map((buffer, i) => {
        const source = new AudioBufferSourceNode(context, { buffer, loop: looping });
        source.connect(gains[i]).connect(master);
        source.start(started, from);
        return source;
      });
      sources[0].onended = () => { pause(); position = duration; draw(true); };
    };
    const decode = (take) => {
      const text = atob(take.querySelector("audio").getAttribute("src").split(",")[1]);
      return context.decodeAudioData(Uint8Array.from(text, (c) => c.charCodeAt(0)).buffer);
    };
    const pause = () => {
      turn++;
      if (playing) { position = now(); playing = false; silence(); }
      if (page.playing === player) page.playing = null;
      show();
    };
    async function start() {
      const mine = ++turn;
      problem.textContent = "";
      if (page.playing !== player) page.playing?.pause();
      document.querySelectorAll("audio, video").forEach((media) => media.pause());
      page.playing = player;
      page.channel?.postMessage("playing");
      try {
        context = page.context ||= new AudioContext({ latencyHint: "interactive" });
        const running = context.resume();
        buffers ||= await Promise.all(takes.map(decode));
        await Promise.race([running, new Promise((done) => setTimeout(done, 1500))]);
      } catch (error) {
        root.classList.remove("etudes-on");
        bar.remove();
        seekbar.remove();
        problem.textContent = `This browser could not decode the sound (${error.message}); its own controls are below.`;
        return;
      }
      if (mine !== turn) return;
      if (context.state !== "running") {
        problem.textContent = "The browser has not let this page make sound yet: press Play once more.";
        return;
      }
      begin(position < duration - 0.01 ? position : 0);
      playing = true;
      show();
      tick();
    }
    const toggle = () => (playing ? pause() : start());
    const seek = (to) => {
      const at = Math.min(duration, Math.max(0, to));
      if (!playing) position = at;
      else if (at < duration) begin(at);
      else { pause(); position = duration; }
      draw(true);
    };
    const choose = (i) => {
      if (i >= takes.length) return;
      current = i;
      if (playing) gains.forEach((node, k) => ramp(node.gain, Number(k === i), context.currentTime));
      if (takes.length > 1) news.textContent = `Take ${i + 1}, ${takes[i].dataset.name}`;
      show();
    };
    play.onclick = toggle;
    loop.onclick = () => {
      const at = now();
      looping = !looping;
      if (playing) begin(at % duration);
      show();
    };
    const point = (event) => {
      const box = seekbar.getBoundingClientRect();
      seek(((event.clientX - box.left) / box.width) * duration);
    };
    seekbar.onpointerdown = (event) => {
      if (event.button) return;
      seekbar.setPointerCapture(event.pointerId);
      point(event);
    };
    seekbar.onpointermove = (event) => seekbar.hasPointerCapture(event.pointerId) && point(event);
    root.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("audio, summary")) return;
      const { key, target } = event;
      // On any button but the take already chosen, space presses the button.
      const own = target.matches("button") && target !== choices[current];
      if (key === " " && !own) event.repeat || toggle();
      else if (/^[1-9]$/.test(key)) choose(key - 1);
      else if (key === "ArrowRight" || (key === "ArrowUp" && target === seekbar)) seek(now() + STEP);
      else if (key === "ArrowLeft" || (key === "ArrowDown" && target === seekbar)) seek(now() - STEP);
      else if (key === "Home") seek(0);
      else if (key === "End") seek(duration);
      else return event.key === " " && event.stopPropagation();
      event.preventDefault();
      event.stopPropagation();
    });
    const player = (root.etudes = { pause, state: () => ({ take: current, position: now(), playing, clock: context?.currentTime ?? 0, gains: gains.map((node) => node.gain.value) }) });
    show();
  }
  document.querySelectorAll(".etudes-sound:not([data-ready])").forEach(upgrade);
})();
