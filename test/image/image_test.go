// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Whoever builds a version, anywhere, gets the same bytes: this is how others can
// check that an image is made of these sources.
func TestTheSameSourcesGiveTheSameImage(t *testing.T) {
	folder := t.TempDir()
	elsewhere, again := filepath.Join(folder, "another", "place"), filepath.Join(folder, "dist")
	if err := os.CopyFS(elsewhere, os.DirFS(sources)); err != nil {
		t.Fatal(err)
	}
	if err := makeImage(elsewhere, again); err != nil {
		t.Fatal(err)
	}
	first, second := digests(t, dist), digests(t, again)
	if len(first) < 6 { // two of the layout, a list of modules, an index, a manifest, a config, a layer
		t.Fatalf("a build writes only %v", slices.Collect(maps.Keys(first)))
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("another folder gives another image (- here, + there):\n%s", diff)
	}
}

// digests are those of every file below a folder.
func digests(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		found[name] = digest(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// make image and the Dockerfile must not drift apart. The Dockerfile's own commands
// run on what an engine would send to it, and give the program of the image and the
// licences beside it.
func TestTheDockerfileBuildsTheSameProgram(t *testing.T) {
	stages := stages(t)
	folder, to := context(t, stages[0]), t.TempDir()
	system, architecture, _ := strings.Cut(platform, "/")
	environment := environment()
	for name, value := range arguments(stages[0], map[string]string{
		"TARGETOS": system, "TARGETARCH": architecture, "VERSION": version, "REVISION": revision,
	}) {
		environment = append(environment, name+"="+value)
	}
	copied := map[string]string{} // the names that the commands use, and where that is here
	for _, one := range copies(stages[1]) {
		if one.flags["from"] == "build" {
			copied[one.from[0]] = filepath.Join(to, one.to)
		}
	}
	for _, command := range the(stages[0], "RUN")[1:] { // the first gets modules, which are here
		for name, here := range copied {
			command = regexp.MustCompile(`([ >])`+name+`( |$)`).ReplaceAllString(command, "${1}"+here+"${2}")
		}
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir, cmd.Env = folder, environment
		must(t, cmd)
	}
	image := built(t)
	for name, here := range copied {
		content, err := os.ReadFile(here)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := digest(content), digest(image.content(t, name)); got != want {
			t.Errorf("the Dockerfile's %s is %s, and that of make image %s", name, got, want)
		}
	}
	if len(copied) != 2 {
		t.Errorf("the image gets %v from the other stage", copied)
	}
}

// labels are written as name="value".
var labels = regexp.MustCompile(`(\S+)="([^"]*)"`)

func TestTheConfigIsThatOfTheDockerfile(t *testing.T) {
	stage := stages(t)[1]
	values := arguments(stage, map[string]string{"VERSION": version, "REVISION": revision})
	want := settings{WorkingDir: "/", Labels: map[string]string{}} // an engine sets the folder where nobody does
	for _, i := range stage {
		switch i.name {
		case "FROM", "ARG", "COPY":
		case "USER":
			want.User = i.text
		case "ENTRYPOINT":
			want.Entrypoint = decode[[]string](t, []byte(i.text))
		case "LABEL":
			for _, pair := range labels.FindAllStringSubmatch(i.text, -1) {
				want.Labels[pair[1]] = os.Expand(pair[2], func(name string) string { return values[name] })
			}
		default:
			t.Errorf("%s is more than make image does", i.name)
		}
	}
	image := built(t)
	if diff := cmp.Diff(want, image.configuration.Config); diff != "" {
		t.Errorf("make image configures another image (- Dockerfile, + make image):\n%s", diff)
	}
	for _, name := range []string{"title", "description", "source", "licenses", "version", "revision"} {
		if image.configuration.Config.Labels["org.opencontainers.image."+name] == "" {
			t.Errorf("the image has no label %s", name)
		}
	}
	user, _, _ := strings.Cut(image.configuration.Config.User, ":")
	if number, err := strconv.Atoi(user); err != nil || number == 0 {
		t.Errorf("Kubernetes cannot see that the user %q is not root", user)
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Unix(seconds, 0).UTC().Format(time.RFC3339); image.configuration.Created != want {
		t.Errorf("created %s, not %s", image.configuration.Created, want)
	}
	if got := image.configuration.OS + "/" + image.configuration.Architecture; got != platform {
		t.Errorf("the config is for %s, and the index says %s", got, platform)
	}
}

// The licences and the program, as the Dockerfile copies them: owned by root, and
// written by nobody.
func TestNothingElseIsInTheImage(t *testing.T) {
	want := map[string]int64{}
	for _, one := range copies(stages(t)[1]) {
		mode, err := strconv.ParseInt(one.flags["chmod"], 8, 64)
		if err != nil {
			t.Fatalf("%s has no mode of its own: %v", one.to, err)
		}
		want[strings.TrimPrefix(one.to, "/")] = mode
	}
	got := map[string]int64{}
	image := built(t)
	for _, f := range image.files {
		got[f.Name] = f.Mode
		if f.Typeflag != tar.TypeReg || f.Uid != 0 || f.Gid != 0 || f.Uname != "" || f.Gname != "" {
			t.Errorf("%s is no file of root: %+v", f.Name, f.Header)
		}
		if f.Mode&0o7022 != 0 {
			t.Errorf("%s may be written by others, or runs as somebody else: %o", f.Name, f.Mode)
		}
		if f.Name == "LICENSE" && string(f.content) != read(t, "LICENSE") {
			t.Error("the licence is another one")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) != len(image.files) {
		t.Errorf("the image holds something else (- Dockerfile, + make image):\n%s", diff)
	}
}

// A blob that no image uses would be pushed by some tools, and not by others.
func TestEveryBlobIsUsed(t *testing.T) {
	l := &layout{filepath.Join(dist, "image"), map[string]bool{}}
	l.images(t)
	blobs, err := filepath.Glob(filepath.Join(l.folder, "blobs", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, blob := range blobs {
		if name := "sha256:" + filepath.Base(blob); !l.read[name] {
			t.Errorf("no image uses %s", name)
		}
	}
}

// make image is for both platforms, unless it is told otherwise.
func TestBothPlatformsAreBuilt(t *testing.T) {
	cmd := exec.Command("make", "-n", "image")
	cmd.Dir, cmd.Env = sources, environment()
	if said := must(t, cmd); !strings.Contains(said, `-platforms "linux/amd64,linux/arm64"`) {
		t.Errorf("make image runs:\n%s", said)
	}
}

// The program loads no library, and says what it is made of: scanners read that.
func TestTheProgramIsStaticAndListsItsModules(t *testing.T) {
	program := bytes.NewReader(built(t).program(t))
	binary, err := elf.NewFile(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range binary.Progs {
		if part.Type == elf.PT_INTERP {
			t.Error("the program needs a loader, which an empty image does not have")
		}
	}
	info, err := buildinfo.Read(program)
	if err != nil {
		t.Fatal(err)
	}
	built := map[string]string{}
	for _, setting := range info.Settings {
		built[setting.Key] = setting.Value
	}
	if got := built["GOOS"] + "/" + built["GOARCH"]; got != platform {
		t.Errorf("the program is for %s, not %s", got, platform)
	}
	if info.GoVersion != runtime.Version() {
		t.Errorf("built with %s, and this test with %s", info.GoVersion, runtime.Version())
	}
	want := []string{"pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		want = append(want, "pkg:golang/"+module.Path+"@"+module.Version)
	}
	if len(want) < 20 {
		t.Fatalf("the program says that it is made of %v", want)
	}
	if diff := cmp.Diff(want, listed(t)); diff != "" {
		t.Errorf("the list beside the image is another one (- program, + list):\n%s", diff)
	}
}

// listed are the packages of the list beside the image.
func listed(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dist, "uptake-"+strings.ReplaceAll(platform, "/", "-")+".cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var urls []string
	for _, c := range decode[struct {
		Components []struct{ PURL string }
	}](t, content).Components {
		urls = append(urls, c.PURL)
	}
	return urls
}

// What is shipped rests on no other image: nothing is pulled that a tag or a digest
// names. The Dockerfile's last stage starts from nothing too, and what its first one
// starts from is left behind; it says so itself.
func TestTheShippedImageHasNoBase(t *testing.T) {
	l := &layout{filepath.Join(dist, "image"), map[string]bool{}}
	l.images(t)
	layers := 0
	for name := range l.read {
		content, err := os.ReadFile(filepath.Join(l.folder, "blobs", strings.Replace(name, ":", "/", 1)))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(content, []byte{0x1f, 0x8b}) { // compressed, which only layers are
			layers++
		}
		if bytes.Contains(content, []byte("image.base.")) {
			t.Errorf("%s names a base", name)
		}
	}
	if layers != 1 {
		t.Errorf("the image is of %d layers, not of the one that is built here", layers)
	}
	if from := stages(t)[1][0].text; from != "scratch" {
		t.Errorf("the Dockerfile's image starts from %s", from)
	}
	for _, file := range []string{"Dockerfile", "docs/release.md"} {
		if !strings.Contains(strings.Join(strings.Fields(read(t, file)), " "), "by a tag") {
			t.Errorf("%s does not say that Go's image is named by a tag, and not what is shipped from", file)
		}
	}
}
