// An auditor that shares no code with the service: Go's sumdb/tlog and sumdb/note over the service's own addresses.
//
// usage: check URL TOKEN VKEY EVENT-ID...
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var url, token string

func check(err error, what string) {
	if err != nil {
		fmt.Println("NOT ACCEPTED:", what+":", err)
		os.Exit(1)
	}
}

func get(path string) []byte {
	request, err := http.NewRequest("GET", url+path, nil)
	check(err, path)
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	check(err, path)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	check(err, path)
	if answer.StatusCode != 200 {
		check(fmt.Errorf("%s: %s", answer.Status, body), path)
	}
	return body
}

// c2sp writes an index, and the width of what is not full, as C2SP tlog-tiles has them.
func c2sp(n int64, width int) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	if width < 256 {
		path += fmt.Sprintf(".p/%d", width)
	}
	return path
}

type tiles struct{}

func (tiles) Height() int { return 8 }

func (tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, t := range wanted {
		found = append(found, get(fmt.Sprintf("/log/tile/%d/%s", t.L, c2sp(t.N, t.W))))
	}
	return found, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// open verifies a checkpoint and answers what it says.
func open(raw []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(raw, note.VerifierList(verifier))
	check(err, "note")
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		check(fmt.Errorf("%q", lines[0]), "origin")
	}
	var tree tlog.Tree
	_, err = fmt.Sscanf(lines[1], "%d", &tree.N)
	check(err, "size")
	tree.Hash, err = tlog.ParseHash(lines[2])
	check(err, "root")
	return tree
}

func hashes(lines []string) []tlog.Hash {
	var found []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		check(err, "hash")
		found = append(found, hash)
	}
	return found
}

func main() {
	url, token = os.Args[1], os.Args[2]
	verifier, err := note.NewVerifier(os.Args[3])
	check(err, "vkey")
	tree := open(get("/log/checkpoint"), verifier)
	reader := tlog.TileHashReader(tree, tiles{})

	// Every entry is the one that the authenticated tiles commit to.
	for start := int64(0); start < tree.N; start += 256 {
		width := int64(256)
		if tree.N-start < width {
			width = tree.N - start
		}
		bundle := get("/log/tile/entries/" + c2sp(start/256, int(width)))
		for n := start; n < start+width; n++ {
			length := binary.BigEndian.Uint16(bundle)
			entry := bundle[2 : 2+length]
			bundle = bundle[2+length:]
			kept, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
			check(err, "tile")
			if tlog.RecordHash(entry) != kept[0] {
				check(fmt.Errorf("entry %d", n), "entries")
			}
		}
		if len(bundle) != 0 {
			check(fmt.Errorf("%d bytes more", len(bundle)), "entries")
		}
	}

	// Every head that was published is consistent with the last, by the service's proof and by one made from tiles.
	var page struct {
		Heads []struct{ Note string }
	}
	check(json.Unmarshal(get("/v1/log/heads?limit=1000"), &page), "heads")
	for _, head := range page.Heads {
		old := open([]byte(head.Note), verifier)
		if old.N == 0 {
			continue
		}
		var answer struct{ Proof []string }
		check(json.Unmarshal(get(fmt.Sprintf("/v1/log/consistency?from=%d&to=%d", old.N, tree.N)), &answer), "consistency")
		check(tlog.CheckTree(tlog.TreeProof(hashes(answer.Proof)), tree.N, tree.Hash, old.N, old.Hash), "consistency")
		made, err := tlog.ProveTree(tree.N, old.N, reader)
		check(err, "tiles")
		check(tlog.CheckTree(made, tree.N, tree.Hash, old.N, old.Hash), "tiles")
	}

	// Proofs of events stand by themselves.
	for _, id := range os.Args[4:] {
		text := get("/v1/events/" + id + "/proof")
		above, below, _ := bytes.Cut(text, []byte("\n\n"))
		lines := strings.Split(string(above), "\n")
		if lines[0] != "c2sp.org/tlog-proof@v1" {
			check(fmt.Errorf("%q", lines[0]), "proof")
		}
		leaf, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
		check(err, "extra")
		var index int64
		_, err = fmt.Sscanf(lines[2], "index %d", &index)
		check(err, "index")
		at := open(below, verifier)
		check(tlog.CheckRecord(tlog.RecordProof(hashes(lines[3:])), at.N, at.Hash, index, tlog.RecordHash(leaf)), "proof")
	}
	fmt.Printf("accepted: %d entries, %d heads, %d proofs\n", tree.N, len(page.Heads), len(os.Args)-4)
}
