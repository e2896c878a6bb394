package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build compiles the lockstep binary into dir, with the race detector if the
// calling test has it, and gives its path. LOCKSTEP_BINARY names one to be
// tested in its place, such as a release.
func Build(dir string) (string, error) {
	if given := os.Getenv("LOCKSTEP_BINARY"); given != "" {
		return given, nil
	}
	binary := filepath.Join(dir, "lockstep")
	args := []string{"build", "-o", binary}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "github.com/lockstep-exec/lockstep/cmd/lockstep")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build lockstep: %w\n%s", err, out)
	}
	return binary, nil
}
