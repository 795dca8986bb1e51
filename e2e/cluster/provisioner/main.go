// Provisioner makes local volumes for the test cluster's claims, each a directory of its own on
// this node, and removes them with their data when the reclaim policy says so. Volumes of type
// "local" honour fsGroup; those of the host-path provisioners do not.
//
// A storage class with the parameter "size" gets file systems of that size in memory, whatever the
// claim asks for, so that a test can fill one.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const name = "learnflow.test/local"

type local struct {
	directory string
}

func (p local) Provision(_ context.Context, options controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	if options.SelectedNodeName == "" {
		return nil, controller.ProvisioningFinished, fmt.Errorf("storage class %s needs volumeBindingMode WaitForFirstConsumer", options.StorageClass.Name)
	}
	path := filepath.Join(p.directory, options.PVName)
	if err := makeVolume(path, options.StorageClass.Parameters["size"]); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: options.PVC.Spec.Resources.Requests[v1.ResourceStorage]},
			PersistentVolumeSource:        v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: path}},
			NodeAffinity:                  onlyOn(options.SelectedNodeName),
		},
	}, controller.ProvisioningFinished, nil
}

func (p local) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	path := filepath.Join(p.directory, volume.Name)
	if err := unmount(path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

// makeVolume may find what an attempt that failed half-way has left.
func makeVolume(path, size string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	if size == "" {
		return nil
	}
	bytes, err := resource.ParseQuantity(size)
	if err != nil {
		return fmt.Errorf("parameter size: %w", err)
	}
	if err := unmount(path); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0755", bytes.Value())); err != nil {
		return fmt.Errorf("mounting %s: %w", path, err)
	}
	return nil
}

// unmount leaves a path alone that is no mount point, or is not there at all.
func unmount(path string) error {
	err := syscall.Unmount(path, 0)
	if err != nil && err != syscall.EINVAL && err != syscall.ENOENT {
		return fmt.Errorf("unmounting %s: %w", path, err)
	}
	return nil
}

func onlyOn(node string) *v1.VolumeNodeAffinity {
	return &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
		MatchExpressions: []v1.NodeSelectorRequirement{{Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{node}}},
	}}}}
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server, as cluster administrator")
	directory := flag.String("directory", "", "where volumes are made, absolute")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, *kubeconfig, *directory); err != nil {
		klog.ErrorS(err, "the provisioner could not start")
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig, directory string) error {
	if !filepath.IsAbs(directory) {
		return fmt.Errorf("-directory %q is not absolute", directory)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	controller.NewProvisionController(ctx, client, name, local{directory}, controller.LeaderElection(false)).Run(ctx)
	return nil
}
